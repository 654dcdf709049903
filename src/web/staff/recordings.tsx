/* Recordings: the list, and the player of the one that is chosen. */
import { useState } from "preact/hooks";
import { duration } from "../shared/format";
import type { Recording } from "../shared/protocol";
import { desk } from "./desk";
import { customerName, Icon } from "./parts";
import { Player } from "./player";
import { Page, useList, When } from "./views";

function Row(props: { item: Recording; open: boolean; toggle: () => void }) {
  const t = desk.t.value;
  const { item, open } = props;
  const name = customerName(item.customer.name);
  const agents = [
    ...new Set(
      item.parties.filter((p) => p.role === "agent").map((p) => customerName(p.staff.name)),
    ),
  ].join(", ");
  const over = item.state === "ended" || item.state === "broken";
  return (
    <li class={open ? "recorded open" : "recorded"} data-testid="recorded">
      <button
        type="button"
        class="card-row"
        aria-expanded={open}
        disabled={!over}
        onClick={props.toggle}
        data-testid="recorded-open"
      >
        <Icon name={over ? "play" : "record"} />
        <span class="who">
          <span class="name">{name}</span>
          <span class="dim">{agents ? t("with", { name: agents }) : ""}</span>
        </span>
        <span class="dim">
          {!over && t("rec_running")}
          {item.incomplete && t("rec_incomplete")}
        </span>
        <span class="time">{over ? duration(item.duration_ms ?? 0) : ""}</span>
        <span class="time">
          <When at={item.started_at} />
        </span>
      </button>
      {open && <Player item={item} />}
    </li>
  );
}

export function Recordings() {
  const t = desk.t.value;
  const call = desk.ofCall.value;
  const list = useList<Recording>(call ? `/recordings?call_id=${call}` : "/recordings");
  const [open, setOpen] = useState<string | null>(null);
  const [find, setFind] = useState("");
  const want = find.trim().toLocaleLowerCase();
  const has = (r: Recording) =>
    `${r.customer.name ?? ""} ${r.staff?.name ?? ""}`.toLocaleLowerCase().includes(want);
  return (
    <Page
      view="recordings"
      list={list}
      empty={t("rec_none")}
      filter={
        <p class="pagefilter">
          <input
            type="search"
            value={find}
            placeholder={t("find")}
            aria-label={t("find")}
            onInput={(event) => setFind(event.currentTarget.value)}
            data-testid="recorded-find"
          />
        </p>
      }
    >
      <ul class="rows">
        {list.items?.filter(has).map((item) => (
          <Row
            key={item.id}
            item={item}
            open={open === item.id}
            toggle={() => setOpen(open === item.id ? null : item.id)}
          />
        ))}
      </ul>
    </Page>
  );
}
