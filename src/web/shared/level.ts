/* Loudness of a track by its samples, 0..1, where getStats has no audioLevel for it (Firefox). */
export class TrackLevel {
  private readonly _context = new AudioContext();
  private readonly _analyser = this._context.createAnalyser();
  private readonly _samples: Float32Array<ArrayBuffer>;

  constructor(readonly track: MediaStreamTrack) {
    this._analyser.fftSize = 1024;
    this._samples = new Float32Array(this._analyser.fftSize);
    this._context.createMediaStreamSource(new MediaStream([track])).connect(this._analyser);
  }

  read(): number {
    this._analyser.getFloatTimeDomainData(this._samples);
    let sum = 0;
    for (const sample of this._samples) sum += sample * sample;
    return Math.min(1, Math.sqrt(sum / this._samples.length));
  }

  close(): void {
    void this._context.close();
  }
}
