"""What the tests hear: tones, levels and spectra of 48 kHz mono samples (numpy, -1..1)."""
import math
import subprocess

import numpy as np

RATE = 48000
# The score of the built-in hold music (src/media/hold_builtin.c): every note sounds with two overtones.
BUILTIN_NOTES = sorted({48, 43, 45, 41, 60, 64, 67, 59, 62, 57, 65, 76, 79, 74, 71, 72, 69, 77, 84, 81})


def power_spectrum(pcm):
    """(frequencies, power) of the whole piece, Hann window."""
    return np.fft.rfftfreq(len(pcm), 1 / RATE), np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2


def peak_hz(pcm):
    hz, power = power_spectrum(pcm)
    power[hz < 50] = 0
    return float(hz[np.argmax(power)])


def share(pcm, tone, width=15.0):
    """Part of the power (above 50 Hz) that lies within `width` Hz of the tone."""
    hz, power = power_spectrum(pcm)
    whole = power[hz >= 50].sum()
    return float(power[np.abs(hz - tone) <= width].sum() / whole) if whole > 0 else 0.0


def tone_dbov(pcm, hz, width=2.0):
    """Level of what lies within `width` Hz of the tone, dBov; a window without side lobes to speak of, -127 for nothing."""
    window = np.blackman(len(pcm))
    freq, power = np.fft.rfftfreq(len(pcm), 1 / RATE), np.abs(np.fft.rfft(pcm * window)) ** 2
    mean = 2 * float(power[np.abs(freq - hz) <= width].sum()) / (len(pcm) * float(np.sum(window ** 2)))
    return max(-127.0, 10 * math.log10(mean)) if mean > 0 else -127.0


def level_dbov(pcm):
    """RMS level against a full-scale square wave (RFC 6465's dBov), -127 for digital silence."""
    rms = math.sqrt(float(np.mean(np.square(pcm, dtype=np.float64)))) if len(pcm) else 0.0
    return max(-127.0, 20 * math.log10(rms)) if rms > 0 else -127.0


def bands_db(pcm):
    """Mean power in third-octave bands from 80 Hz to 8 kHz, dB."""
    hz, power = power_spectrum(pcm)
    edges = 80 * 2 ** (np.arange(21) / 3)
    sums = [power[(hz >= a) & (hz < b)].sum() for a, b in zip(edges, edges[1:])]
    return 10 * np.log10(np.maximum(sums, 1e-9))


def likeness(pcm, reference):
    """Correlation of the band powers of two pieces: 1 for equal spectra. Bands 40 dB below the loudest count alike."""
    a, b = (np.maximum(x - x.max(), -40) for x in (bands_db(pcm), bands_db(reference)))
    return float(np.corrcoef(a, b)[0, 1])


def note_share(pcm, notes, shift_semitones=0.0):
    """Part of the power on the given MIDI notes and their two overtones (within 20 cents)."""
    hz, power = power_spectrum(pcm)
    mask = np.zeros(len(hz), bool)
    for note in notes:
        for overtone in (1, 2, 3):
            f = overtone * 440 * 2 ** ((note + shift_semitones - 69) / 12)
            mask |= np.abs(hz - f) <= f * (2 ** (20 / 1200) - 1)
    whole = power[hz >= 50].sum()
    return float(power[mask].sum() / whole) if whole > 0 else 0.0


def write_wav(path, pcm):
    import wave
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())


def read_wav(path):
    import wave
    with wave.open(path, "rb") as f:
        pcm = np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float64) / 32768
        return pcm.reshape(-1, f.getnchannels())[:, 0]


def tone(hz, seconds, gain=0.3):
    return gain * np.sin(2 * math.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def make_music(wav, opus):
    """A test piece unlike any tone: four chords of half a second. Returns the decoded samples."""
    chords = [(262, 330, 392), (294, 370, 440), (349, 440, 523), (392, 494, 1175)]
    pcm = np.concatenate([sum(tone(f, 0.5, 0.12) for f in chord) for chord in chords] * 4)
    write_wav(wav, pcm)
    subprocess.run(["opusenc", "--quiet", "--bitrate", "48", "--framesize", "20", wav, opus], check=True)
    subprocess.run(["opusdec", "--quiet", "--rate", str(RATE), "--force-wav", opus, wav], check=True)
    return read_wav(wav)


def make_tune(seed, wav, opus, seconds=12.0):
    """A tune of random notes, loudness and lengths, over a breath of noise: no moment of it is like another. Its Opus file,
    and what opusdec makes of that."""
    random = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * RATE:
        n = int(random.uniform(0.15, 0.45) * RATE)
        hz = 220 * 2 ** (random.integers(0, 36) / 12)
        fade = np.minimum(1, np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.01 * RATE))
        note = sum(tone(hz * k, n / RATE + 1 / RATE, random.uniform(0.03, 0.12) / k)[:n] for k in (1, 2, 3))
        parts.append(fade * (note + random.normal(0, random.choice([0.0, 0.01, 0.03]), n)))
    write_wav(wav, np.concatenate(parts)[:int(seconds * RATE)])
    subprocess.run(["opusenc", "--quiet", "--bitrate", "64", "--framesize", "20", wav, opus], check=True)
    subprocess.run(["opusdec", "--quiet", "--rate", str(RATE), "--force-wav", opus, wav], check=True)


def spectrogram(pcm, step=RATE // 50):
    """Power of each 20 ms in third-octave bands, dB; 45 dB below the loudest counts as nothing."""
    frames = np.lib.stride_tricks.sliding_window_view(pcm, 2 * step)[::step]
    power = np.abs(np.fft.rfft(frames * np.hanning(2 * step), axis=1)) ** 2
    hz = np.fft.rfftfreq(2 * step, 1 / RATE)
    edges = 160 * 2 ** (np.arange(17) / 3)
    bands = np.stack([power[:, (hz >= a) & (hz < b)].sum(axis=1) for a, b in zip(edges, edges[1:])], axis=1)
    loud = 10 * np.log10(np.maximum(bands, 1e-12))
    return np.maximum(loud, loud.max() - 45)


def find(piece, reference):
    """Where in the reference the piece fits best: (correlation of the two spectrograms, sample)."""
    a, b = spectrogram(piece), spectrogram(reference)
    windows = np.lib.stride_tricks.sliding_window_view(b, a.shape)[:, 0].reshape(-1, a.size)
    a = (a - a.mean()).ravel()
    windows = windows - windows.mean(axis=1, keepdims=True)
    likeness = windows @ a / np.maximum(np.linalg.norm(windows, axis=1) * np.linalg.norm(a), 1e-9)
    at = int(np.argmax(likeness))
    return float(likeness[at]), at * RATE // 50


def compare(heard, reference, block=16384):
    """How the blocks of what a page heard fit into the file, which goes on at its beginning. A page that is busy loses whole blocks
    (browser.mjs), so each is looked for by itself: `likeness` is the middle one of them, `louder_db` the middle difference of
    their levels, `in_order` the share of them that stand in the file where the one before ends."""
    twice = np.concatenate([reference, reference])
    blocks = [heard[at:at + block] for at in range(0, len(heard) - block + 1, block)]
    found = []
    for piece in blocks:
        if np.abs(piece[:block // 8]).max() > 0.001:  # the first ones are empty or begin late
            likeness, at = find(piece, twice)
            found.append((likeness, level_dbov(piece) - level_dbov(twice[at:at + block]), at % len(reference) / RATE))
    if not found:
        return {"blocks": 0, "in_order": 0.0, "likeness": 0.0, "louder_db": -127.0, "found": []}
    steps = [(b[2] - a[2]) % (len(reference) / RATE) for a, b in zip(found, found[1:])]
    in_order = sum(abs(step - block / RATE) < 0.1 for step in steps) / max(1, len(steps))
    return {"blocks": len(found), "in_order": in_order, "likeness": float(np.median([f[0] for f in found])),
            "louder_db": float(np.median([f[1] for f in found])), "found": [(round(f[0], 3), round(f[2], 2)) for f in found]}


def describe(pcm):
    """What a test asks of a piece, as one object."""
    hz = peak_hz(pcm)
    return {"seconds": len(pcm) / RATE, "hz": hz, "share": share(pcm, hz), "level": level_dbov(pcm),
            "notes": note_share(pcm, BUILTIN_NOTES), "beside": note_share(pcm, BUILTIN_NOTES, 0.5),
            "tones": {str(tone): tone_dbov(pcm, tone) for tone in (440, 660, 1000)}}


def main():
    """`sound.py WAV` describes it; `sound.py tone HZ SECONDS WAV` and `sound.py tune SEED WAV OPUS` make one; `sound.py compare
    WAV REFERENCE` compares them."""
    import json
    import sys
    if sys.argv[1] == "tone":
        write_wav(sys.argv[4], tone(float(sys.argv[2]), float(sys.argv[3])))
    elif sys.argv[1] == "tune":
        make_tune(int(sys.argv[2]), sys.argv[3], sys.argv[4])
    elif sys.argv[1] == "compare":
        print(json.dumps(compare(read_wav(sys.argv[2]), read_wav(sys.argv[3]))))
    else:
        print(json.dumps(describe(read_wav(sys.argv[1]))))


if __name__ == "__main__":
    main()
