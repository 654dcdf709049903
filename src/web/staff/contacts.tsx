/* Who the customer is beyond this conversation: address, since when, and the contacts before. Each
 * reading is written down by the daemon, so it is read once for each customer that is shown. */
import { useEffect, useState } from "preact/hooks";
import { clock, dayName } from "../shared/format";
import type { ContactRow, CustomerInfo, Id, List } from "../shared/protocol";
import { desk } from "./desk";
import { Icon } from "./parts";

const SHOWN = 5;

function Earlier({ row }: { row: ContactRow }) {
  const t = desk.t.value;
  const lang = desk.lang.value;
  const when = `${dayName(row.created_at, lang)}, ${clock(row.created_at, lang)}`;
  return (
    <li>
      <button
        type="button"
        class="link contact"
        onClick={() => desk.select(row.id)}
        data-testid="contact"
      >
        <Icon name={row.channel === "voice" ? "phone" : "chat"} size={15} />
        <span>{when}</span>
        <span class="dim">
          {row.assigned?.name ?? t("contact_nobody")}
          {row.status === "closed" ? "" : `, ${t("contact_open")}`}
        </span>
      </button>
    </li>
  );
}

/* One for each customer (by its key): what comes late for another one is nobody's. */
export function Contacts({ customer, chat }: { customer: Id; chat: Id }) {
  const t = desk.t.value;
  const [info, setInfo] = useState<CustomerInfo | null>(null);
  const [rows, setRows] = useState<ContactRow[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  const more = (cursor: string | null, wanted: () => boolean) => {
    setNext(null);
    const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
    desk
      .rest<List<ContactRow>>("GET", `/customers/${customer}/chats?limit=${SHOWN + 1}${from}`)
      .then(
        (list) => {
          if (!wanted()) return;
          setRows((old) => (cursor ? [...(old ?? []), ...list.items] : list.items));
          setNext(list.next);
        },
        () => wanted() && setFailed(true),
      );
  };
  useEffect(() => {
    let shown = true;
    setInfo(null);
    setRows(null);
    setFailed(false);
    desk.rest<{ customer: CustomerInfo }>("GET", `/customers/${customer}`).then(
      (answer) => shown && setInfo(answer.customer),
      () => shown && setFailed(true),
    );
    more(null, () => shown);
    return () => {
      shown = false;
    };
  }, [customer]);
  if (failed)
    return (
      <p class="dim" role="status">
        {t("contacts_failed")}
      </p>
    );
  if (!info || !rows)
    return (
      <div class="bones" aria-hidden="true">
        <span />
        <span />
      </div>
    );
  const earlier = rows.filter((row) => row.id !== chat);
  return (
    <>
      <dl data-testid="customer-info">
        <div>
          <dt>{t("email")}</dt>
          <dd>{info.email ?? "\u2013"}</dd>
        </div>
        <div>
          <dt>{t("customer_since")}</dt>
          <dd>{dayName(info.created_at, desk.lang.value)}</dd>
        </div>
      </dl>
      <section class="contacts" data-testid="contacts">
        <h3>{t("contacts")}</h3>
        {earlier.length === 0 && <p class="dim">{t("contacts_none")}</p>}
        <ul>
          {earlier.map((row) => (
            <Earlier key={row.id} row={row} />
          ))}
        </ul>
        {next && (
          <button type="button" class="link" onClick={() => more(next, () => true)}>
            {t("more")}
          </button>
        )}
      </section>
    </>
  );
}
