import { useEffect } from "preact/hooks";
import { CallPanel } from "./callpanel";
import { Conversation, focusComposer } from "./conversation";
import { desk } from "./desk";
import { Chats, Queue } from "./lists";
import { Login } from "./login";
import { Offers } from "./offers";
import { AskCard, PartPanel } from "./partpanel";
import { customerName, Dialog, Icon } from "./parts";
import { PasswordDialog } from "./password";
import { CustomerCard } from "./side";
import { Banner, TopBar } from "./topbar";
import { TransferDialog } from "./transfer";
import { ViewPage, Views } from "./views";
import { WrapUp } from "./wrapup";

/* The first that asks for an answer: an offer, else a colleague's question. */
function answer(yes: boolean): void {
  const offer = desk.offers.value[0];
  if (offer) void (yes ? desk.accept(offer.id) : desk.decline(offer.id));
  else void (yes ? desk.party.accept() : desk.party.decline());
}

function hold(): void {
  const state = desk.call.call.value?.state;
  if (desk.call.guest.value) return;
  if (state === "active") void desk.act("POST", "hold", {});
  if (state === "held") void desk.act("POST", "resume", {});
}

function typingIn(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    Boolean(target.closest("input, textarea, select, dialog[open]"))
  );
}

/* Single letters only where nothing is written, and only if wanted (WCAG 2.1.4); with Alt+Shift
 * the two that cannot wait work everywhere. */
function onKey(event: KeyboardEvent): void {
  if (desk.phase.value !== "in" || event.isComposing) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && key === "k") {
    event.preventDefault();
    document.getElementById("find")?.focus();
    return;
  }
  if (key === "escape" && event.target instanceof HTMLElement && typingIn(event.target)) {
    event.target.blur();
    return;
  }
  if (event.altKey && event.shiftKey) {
    if (event.code === "KeyA") answer(true);
    if (event.code === "KeyD") answer(false);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (!desk.singleKeys.value || typingIn(event.target)) return;
  const chat = desk.selected.value;
  const actions: Record<string, () => void> = {
    a: () => answer(true),
    d: () => answer(false),
    j: () => desk.step(1),
    k: () => desk.step(-1),
    r: () => focusComposer("reply"),
    n: () => focusComposer("note"),
    m: () => desk.call.mute(),
    h: hold,
    t: () => {
      desk.transferring.value = true;
    },
    c: () => {
      const state = chat ? desk.client.chats.get(chat)?.state : null;
      if (state?.assigned?.id === desk.me.value?.id && state?.status !== "closed")
        desk.closing.value = chat;
    },
    "/": () => document.getElementById("find")?.focus(),
    "?": () => {
      desk.help.value = true;
    },
  };
  const action = actions[key];
  if (!action) return;
  event.preventDefault();
  action();
}

function Help() {
  const t = desk.t.value;
  const rows: [string, string][] = [
    ["A", t("k_accept")],
    ["D", t("k_decline")],
    ["Alt Shift A / D", `${t("k_accept")} / ${t("k_decline")}, ${t("k_anywhere")}`],
    ["J / K", `${t("k_next")} / ${t("k_prev")}`],
    ["R", t("k_reply")],
    ["N", t("k_note")],
    ["M", t("k_mute")],
    ["H", t("k_hold")],
    ["T", t("k_transfer")],
    ["C", t("k_close")],
    ["/ , Ctrl K", t("k_find")],
    ["Esc", t("k_leave")],
    ["?", t("k_help")],
  ];
  const shut = () => {
    desk.help.value = false;
  };
  return (
    <Dialog open={desk.help.value} onClose={shut} title={t("help_title")} testid="help-dialog">
      <p class="dim">{t("help_single")}</p>
      <dl class="keys">
        {rows.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input
          type="checkbox"
          checked={desk.singleKeys.value}
          onChange={(event) => desk.setSingleKeys(event.currentTarget.checked)}
        />
        {t("help_off")}
      </label>
      <p class="buttons">
        <button type="button" class="primary" onClick={shut}>
          {t("done")}
        </button>
      </p>
    </Dialog>
  );
}

function CloseDialog() {
  const t = desk.t.value;
  const id = desk.closing.value;
  const shut = () => {
    desk.closing.value = null;
  };
  const name = customerName(id ? desk.client.chats.get(id)?.state?.customer.name : null);
  return (
    <Dialog open={id !== null} onClose={shut} title={t("close_title")} testid="close-dialog">
      <p>{t("close_text", { name })}</p>
      <p class="buttons">
        <button
          type="button"
          class="primary"
          data-testid="close-confirm"
          onClick={() => {
            shut();
            if (id) void desk.close(id).then((problem) => problem && desk.say(problem));
          }}
        >
          {t("close")}
        </button>
        <button type="button" class="plain" onClick={shut}>
          {t("cancel")}
        </button>
      </p>
    </Dialog>
  );
}

function ReturnDialog() {
  const t = desk.t.value;
  const id = desk.returning.value;
  const shut = () => {
    desk.returning.value = null;
  };
  return (
    <Dialog open={id !== null} onClose={shut} title={t("return_title")} testid="return-dialog">
      <p>{t("return_text")}</p>
      <p class="buttons">
        <button
          type="button"
          class="primary"
          data-testid="return-confirm"
          onClick={() => {
            shut();
            if (id) void desk.giveBack(id).then((problem) => desk.say(problem ?? t("return_done")));
          }}
        >
          {t("return")}
        </button>
        <button type="button" class="plain" onClick={shut}>
          {t("cancel")}
        </button>
      </p>
    </Dialog>
  );
}

function Desktop() {
  const t = desk.t.value;
  const view = desk.view.value;
  const open = desk.selected.value !== null || view !== null;
  const side = desk.details.value;
  return (
    <div class={`desk${open ? " open" : ""}${side ? " side" : ""}`} data-testid="desk">
      <a class="skip" href="#conversation">
        {t("skip")}
      </a>
      <TopBar />
      <Banner />
      <main class="columns">
        <div class="left">
          <Queue />
          <Chats />
          <Views />
        </div>
        <section class="conversation" id="conversation" aria-label={t("log")} tabIndex={-1}>
          {view ? <ViewPage view={view} /> : <Conversation />}
        </section>
        <section class="right" aria-label={t("details")}>
          <PartPanel />
          <CallPanel />
          <WrapUp />
          <CustomerCard />
        </section>
      </main>
      <div class="offers" role="alert" data-testid="offers">
        <Offers />
        <AskCard />
      </div>
      <div class="toast" role="status">
        {desk.toast.value && (
          <p>
            <Icon name="info" size={16} />
            {desk.toast.value}
          </p>
        )}
      </div>
      <Help />
      <CloseDialog />
      <ReturnDialog />
      <PasswordDialog />
      <TransferDialog />
    </div>
  );
}

export function App() {
  useEffect(() => {
    document.documentElement.lang = desk.lang.value;
    document.title = desk.t.value("title");
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const phase = desk.phase.value;
  if (phase === "in") return <Desktop />;
  if (phase === "login") return <Login />;
  return (
    <main class="login" aria-busy="true">
      <p class="dim">{desk.t.value("loading")}</p>
    </main>
  );
}
