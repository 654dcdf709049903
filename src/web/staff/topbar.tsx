import { useEffect, useRef, useState } from "preact/hooks";
import { clock } from "../shared/format";
import type { Presence } from "../shared/protocol";
import { desk, LANGUAGES } from "./desk";
import { Icon } from "./parts";

const CHOICES: Presence["chosen"][] = ["available", "away", "offline"];

/* A button that shows a panel; Escape and a press elsewhere close it. */
function Menu(props: {
  testid: string;
  label: preact.ComponentChildren;
  name?: string;
  children: (close: () => void) => preact.ComponentChildren;
}) {
  const [open, setOpen] = useState(false);
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      if (!ref.current?.contains(event.target as Node)) setOpen(false);
    };
    const key = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      ref.current?.querySelector("button")?.focus();
    };
    addEventListener("pointerdown", away);
    addEventListener("keydown", key);
    return () => {
      removeEventListener("pointerdown", away);
      removeEventListener("keydown", key);
    };
  }, [open]);
  return (
    <div class="menu" ref={ref}>
      <button
        type="button"
        class="bar-button"
        aria-expanded={open}
        aria-label={props.name}
        title={props.name}
        onClick={() => setOpen(!open)}
        data-testid={props.testid}
      >
        {props.label}
        <Icon name="down" size={14} />
      </button>
      {open && <div class="menu-panel">{props.children(() => setOpen(false))}</div>}
    </div>
  );
}

function PresenceMenu() {
  const t = desk.t.value;
  const presence = desk.presence.value;
  const chosen = presence?.chosen ?? "offline";
  const wraps = chosen === "available" && desk.wrapUntil.value !== null;
  return (
    <Menu
      testid="presence"
      label={
        <>
          <span class={`dot ${wraps ? "away" : chosen}`} aria-hidden="true" />
          <span class="sr">{t("status")}: </span>
          <span data-testid="presence-now">{t(wraps ? "wrap" : chosen)}</span>
          {presence && (
            <span class="dim wide-only">
              {t("presence_load", { load: presence.load, capacity: presence.capacity })}
            </span>
          )}
        </>
      }
    >
      {(close) => (
        <>
          {CHOICES.map((c) => (
            <button
              type="button"
              key={c}
              class="menu-item"
              aria-pressed={c === chosen}
              data-testid={`presence-${c}`}
              onClick={() => {
                close();
                void desk.setPresence(c);
              }}
            >
              <span class={`dot ${c}`} aria-hidden="true" />
              <span>
                {t(c)}
                <span class="dim block">{t(`presence_hint_${c}`)}</span>
              </span>
              {c === chosen && <Icon name="check" />}
            </button>
          ))}
          <label class="menu-item switch">
            <input
              type="checkbox"
              role="switch"
              aria-checked={presence?.auto_answer ?? false}
              checked={presence?.auto_answer ?? false}
              onChange={(event) => void desk.setAutoAnswer(event.currentTarget.checked)}
              data-testid="auto-answer"
            />
            <span>
              {t("auto_answer")}
              <span class="dim block">{t("auto_hint")}</span>
            </span>
          </label>
          {presence?.reason === "missed_offers" && (
            <p class="menu-note">
              <Icon name="warn" size={16} />
              {t("presence_missed")}
            </p>
          )}
        </>
      )}
    </Menu>
  );
}

function Connection() {
  desk.version.value;
  const t = desk.t.value;
  const status = desk.client.status;
  const words = t(`conn_${status}`);
  return (
    <p
      class={`connection ${status}`}
      role="status"
      data-testid="connection"
      data-status={status}
      title={words}
    >
      <Icon name={status === "online" ? "check" : "warn"} size={16} />
      <span class="wide-only">{words}</span>
      <span class="sr narrow-only">{words}</span>
    </p>
  );
}

export function TopBar() {
  const t = desk.t.value;
  const { alarm, call } = desk;
  return (
    <header class="topbar">
      <h1 class="brand">{t("title")}</h1>
      <PresenceMenu />
      <label class="find">
        <Icon name="search" size={16} />
        <span class="sr">{t("find")}</span>
        <input
          type="search"
          id="find"
          placeholder={t("find")}
          value={desk.search.value}
          onInput={(event) => {
            desk.search.value = event.currentTarget.value;
          }}
          data-testid="find"
        />
        <kbd class="wide-only">Ctrl K</kbd>
      </label>
      <div class="chips">
        {alarm.silent.value && (
          <button type="button" class="chip" onClick={() => alarm.unlock()}>
            <Icon name="sound" size={16} />
            {t("sound_off")}
          </button>
        )}
        {call.askMic.value && (
          <button
            type="button"
            class="chip"
            onClick={() => void call.allowMic()}
            data-testid="allow-mic"
          >
            <Icon name="mic" size={16} />
            {t("mic_allow")}
          </button>
        )}
        {alarm.askNotify.value && (
          <button type="button" class="chip" onClick={() => void alarm.notifyPermission()}>
            <Icon name="info" size={16} />
            {t("notify_allow")}
          </button>
        )}
      </div>
      <Connection />
      <button
        type="button"
        class="bar-button help"
        aria-label={t("keys")}
        title={`${t("keys")} (?)`}
        onClick={() => {
          desk.help.value = true;
        }}
        data-testid="help"
      >
        <Icon name="key" />
      </button>
      <Menu testid="account" name={t("account")} label={<Icon name="user" />}>
        {(close) => (
          <>
            <p class="menu-note">
              <strong>{desk.me.value?.name}</strong>
            </p>
            <label class="menu-item">
              <span>{t("language")}</span>
              <select
                value={desk.lang.value}
                onChange={(event) => desk.setLang(event.currentTarget.value)}
                data-testid="language"
              >
                {Object.entries(LANGUAGES).map(([code, name]) => (
                  <option key={code} value={code}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            {desk.ownAccount && (
              <button
                type="button"
                class="menu-item"
                onClick={() => {
                  close();
                  desk.password.value = "ask";
                }}
                data-testid="password"
              >
                <Icon name="lock" />
                <span>{t("password_title")}</span>
              </button>
            )}
            <button
              type="button"
              class="menu-item"
              onClick={() => void desk.logout()}
              data-testid="logout"
            >
              <Icon name="logout" />
              <span>{t("logout")}</span>
            </button>
          </>
        )}
      </Menu>
    </header>
  );
}

export function Banner() {
  const since = desk.brokenSince.value;
  if (since === null) return null;
  const time = clock(new Date(since).toISOString(), desk.lang.value);
  return (
    <p class="banner" role="alert" data-testid="banner">
      <Icon name="warn" size={16} />
      {desk.t.value("conn_banner", { time })}
    </p>
  );
}
