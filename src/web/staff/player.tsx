/* Plays a recording: both tracks on one time line, over their waveforms. The browser fetches what it
 * plays by ranges of bytes; nothing is offered for download. */
import { useEffect, useRef, useState } from "preact/hooks";
import { duration } from "../shared/format";
import type { Recording, Waveform } from "../shared/protocol";
import { desk } from "./desk";
import { customerName, Icon } from "./parts";
import { Tracks } from "./tracks";

const STEP_S = 5;
const RATES = [1, 1.25, 1.5, 2];

/* Peaks 0..255 as a shape of `columns` columns around the middle of a 100 x 40 box. */
export function waveShape(wave: Waveform, totalMs: number, columns = 240): string {
  const total = Math.max(1, totalMs / wave.step_ms);
  let up = "";
  let down = "";
  for (let i = 0; i < columns; i++) {
    const from = Math.floor((i * total) / columns);
    const to = Math.max(from + 1, Math.floor(((i + 1) * total) / columns));
    const peak = Math.max(0, ...wave.peaks.slice(from, to)) / 255;
    const x = ((i * 100) / (columns - 1)).toFixed(2);
    const h = Math.max(0.4, Math.sqrt(peak) * 19);
    up += `${x},${(20 - h).toFixed(1)} `;
    down = `${x},${(20 + h).toFixed(1)} ${down}`;
  }
  return (up + down).trim();
}

function useWave(path: string): Waveform | null {
  const [wave, setWave] = useState<Waveform | null>(null);
  useEffect(() => {
    setWave(null);
    desk.rest<Waveform>("GET", `${path}/waveform`).then(setWave, () => setWave(null));
  }, [path]);
  return wave;
}

function Wave(props: { path: string; label: string; item: Recording; at: number; total: number }) {
  const { item, total } = props;
  const wave = useWave(props.path);
  const x = (ms: number) => (100 * Math.min(ms, total)) / total;
  return (
    <div class="wave">
      <span class="wayname">{props.label}</span>
      <svg viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true" data-testid="wave">
        {item.pauses.map((p) => (
          <rect
            key={p.from_ms}
            class="paused"
            x={x(p.from_ms)}
            width={x(p.to_ms ?? total) - x(p.from_ms)}
            y="0"
            height="40"
          />
        ))}
        {wave && <polygon points={waveShape(wave, total)} />}
        <rect class="played" x="0" y="0" height="40" width={x(props.at * 1000)} />
      </svg>
    </div>
  );
}

export function Player({ item }: { item: Recording }) {
  const t = desk.t.value;
  const total = Math.max(1, item.duration_ms ?? 1);
  const base = `/recordings/${item.id}/tracks`;
  const paths = Array.from({ length: item.tracks }, (_, i) => `${base}/${i}`);
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [failed, setFailed] = useState(false);
  const [rate, setRate] = useState(1);
  const tracks = useRef<Tracks | null>(null);
  useEffect(() => {
    tracks.current = new Tracks(
      paths.map((path) => `/api/support${path}`),
      {
        onTime: setAt,
        onPlaying: setPlaying,
        onFailed: () => setFailed(true),
      },
    );
    return () => tracks.current?.close();
  }, [item.id]);
  const seek = (seconds: number) =>
    tracks.current?.seek(Math.min(total / 1000, Math.max(0, seconds)));
  const who = (i: number) => {
    const names = item.parties.filter((p) => p.track === i).map((p) => customerName(p.staff.name));
    return i === 0 ? t("customer") : [...new Set(names)].join(", ") || t("rec_agent");
  };
  return (
    <section class="player" aria-label={t("player")} data-testid="player" data-playing={playing}>
      <div class="waves">
        {paths.map((path, i) => (
          <Wave key={path} path={path} label={who(i)} item={item} at={at} total={total} />
        ))}
        <input
          class="seek"
          type="range"
          min={0}
          max={Math.ceil(total / 1000)}
          step={0.1}
          value={at}
          aria-label={t("player_at")}
          aria-valuetext={`${duration(at * 1000)} / ${duration(total)}`}
          onInput={(event) => seek(Number(event.currentTarget.value))}
          onKeyDown={(event) => {
            const by = { ArrowLeft: -STEP_S, ArrowRight: STEP_S }[event.key];
            if (by === undefined) return;
            event.preventDefault();
            seek(at + by);
          }}
          data-testid="seek"
        />
      </div>
      <p class="buttons">
        <button
          type="button"
          class="primary"
          onClick={() => void tracks.current?.toggle()}
          data-testid="play"
        >
          <Icon name={playing ? "pause" : "play"} />
          {t(playing ? "player_pause" : "player_play")}
        </button>
        <span class="time" data-testid="played">
          {duration(at * 1000)} / {duration(total)}
        </span>
        <label class="rate">
          <span class="sr">{t("player_rate")}</span>
          <select
            value={rate}
            onChange={(event) => {
              const value = Number(event.currentTarget.value);
              setRate(value);
              tracks.current?.rate(value);
            }}
          >
            {RATES.map((r) => (
              <option key={r} value={r}>
                {r} x
              </option>
            ))}
          </select>
        </label>
      </p>
      {item.pauses.length > 0 && <p class="dim">{t("player_pauses")}</p>}
      {failed && (
        <p class="over" role="alert">
          {t("player_failed")}
        </p>
      )}
    </section>
  );
}
