/* To whom a call goes: a colleague, a team, a skill; with a note; at once, or after asking. */
import { useEffect, useState } from "preact/hooks";
import type { TargetKind, Targets } from "../shared/protocol";
import { desk } from "./desk";
import { Dialog, Icon } from "./parts";

interface Choice {
  kind: TargetKind;
  to: string;
  name: string;
  note: string;
  can: boolean;
}

const NOTE_CHARS = 1000;

function choices(targets: Targets): Choice[] {
  const t = desk.t.value;
  const count = (n: number) => ({ note: t("to_available", { n }), can: n > 0 });
  return [
    ...targets.staff.map((s) => ({
      kind: "staff" as const,
      to: s.id,
      name: s.name,
      note: t(s.free ? "to_free" : "to_busy"),
      can: s.free,
    })),
    ...targets.teams.map((s) => ({
      kind: "team" as const,
      to: s.id,
      name: s.name,
      ...count(s.available),
    })),
    ...targets.skills.map((s) => ({
      kind: "skill" as const,
      to: s.name,
      name: s.name,
      ...count(s.available),
    })),
  ];
}

function Target(props: { choice: Choice; picked: boolean; pick: () => void }) {
  const { choice: c, picked, pick } = props;
  return (
    <label class={`target${picked ? " picked" : ""}`} data-testid="target" data-kind={c.kind}>
      <input type="radio" name="target" checked={picked} disabled={!c.can} onChange={pick} />
      <Icon name={c.kind === "staff" ? "user" : c.kind === "team" ? "users" : "check"} />
      <span class="targetname">{c.name}</span>
      <span class="dim">{c.note}</span>
    </label>
  );
}

function Body({ shut }: { shut: () => void }) {
  const t = desk.t.value;
  const [all, setAll] = useState<Choice[] | null>(null);
  const [failed, setFailed] = useState(false);
  const [find, setFind] = useState("");
  const [picked, setPicked] = useState<Choice | null>(null);
  const [note, setNote] = useState("");
  useEffect(() => {
    desk.rest<Targets>("GET", "/transfer-targets").then(
      (targets) => setAll(choices(targets)),
      () => setFailed(true),
    );
  }, []);
  const want = find.trim().toLocaleLowerCase();
  const shown = (all ?? []).filter((c) => c.name.toLocaleLowerCase().includes(want));
  const groups: TargetKind[] = ["staff", "team", "skill"];
  const go = async (what: string, body: unknown) => {
    if (await desk.act("POST", what, body)) shut();
  };
  const long = [...note.trim()].length - NOTE_CHARS;
  const active = desk.call.call.value?.state === "active";
  const busy = desk.call.busy.value;
  return (
    <form
      class="transfer"
      onSubmit={(event) => {
        event.preventDefault();
        if (!picked || long > 0) return;
        const { kind, to } = picked;
        void go("transfer", { kind, to, ...(note.trim() ? { note: note.trim() } : {}) });
      }}
    >
      <input
        type="search"
        value={find}
        placeholder={t("find")}
        aria-label={t("find")}
        onInput={(event) => setFind(event.currentTarget.value)}
        data-testid="target-find"
      />
      <div class="targets" aria-busy={!all && !failed}>
        {failed && <p class="over">{t("to_failed")}</p>}
        {all && shown.length === 0 && <p class="dim">{t(want ? "to_none" : "to_nobody")}</p>}
        {groups.map((kind) => {
          const some = shown.filter((c) => c.kind === kind);
          return some.length === 0 ? null : (
            <fieldset key={kind}>
              <legend>{t(`to_${kind}`)}</legend>
              {some.map((c) => (
                <Target
                  key={c.to}
                  choice={c}
                  picked={picked?.kind === c.kind && picked.to === c.to}
                  pick={() => setPicked(c)}
                />
              ))}
            </fieldset>
          );
        })}
      </div>
      <label class="notefield">
        <span>{t("to_note")}</span>
        <textarea
          rows={2}
          value={note}
          dir="auto"
          onInput={(event) => setNote(event.currentTarget.value)}
          data-testid="transfer-note"
        />
      </label>
      {long > 0 && (
        <p class="over" role="alert">
          {t("too_long", { n: long })}
        </p>
      )}
      <p class="buttons">
        <button
          type="submit"
          class="primary"
          disabled={!picked || busy || long > 0}
          data-testid="transfer-go"
        >
          <Icon name="transfer" />
          {t("to_go")}
        </button>
        <button
          type="button"
          class="plain"
          disabled={picked?.kind !== "staff" || busy || !active}
          onClick={() => picked && void go("consult", { staff_id: picked.to })}
          data-testid="consult-go"
        >
          <Icon name="users" />
          {t("to_ask")}
        </button>
        <button type="button" class="plain" onClick={shut}>
          {t("cancel")}
        </button>
      </p>
      <p class="dim">{t("to_hint")}</p>
    </form>
  );
}

export function TransferDialog() {
  const t = desk.t.value;
  const state = desk.call.call.value?.state;
  const open = desk.transferring.value && (state === "active" || state === "held");
  const shut = () => {
    desk.transferring.value = false;
  };
  return (
    <Dialog open={open} onClose={shut} title={t("transfer_title")} testid="transfer-dialog">
      <Body shut={shut} />
    </Dialog>
  );
}
