/* The minute after a call: how long it still lasts, longer, or done. */
import { duration } from "../shared/format";
import { desk } from "./desk";
import { Icon, Tick } from "./parts";

const MORE_MS = 60000;

export function WrapUp() {
  const t = desk.t.value;
  const until = desk.wrapUntil.value;
  if (until === null) return null;
  return (
    <section class="callpanel wrapup" aria-labelledby="wrap-title" data-testid="wrapup">
      <h3>
        <Icon name="clock" />
        <span class="callname" id="wrap-title">
          {t("wrap")}
        </span>
        <span class="time" data-testid="wrap-left">
          <Tick every={500}>{() => duration(until - performance.now() + 999)}</Tick>
        </span>
      </h3>
      <p class="dim">{t("wrap_text")}</p>
      <p class="buttons">
        <button
          type="button"
          class="small"
          onClick={() => void desk.wrapUp(MORE_MS)}
          data-testid="wrap-more"
        >
          {t("wrap_more")}
        </button>
        <button
          type="button"
          class="primary"
          onClick={() => void desk.wrapUp(null)}
          data-testid="wrap-done"
        >
          {t("wrap_done")}
        </button>
      </p>
    </section>
  );
}
