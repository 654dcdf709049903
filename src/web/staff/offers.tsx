/* Offers: in front of everything, until taken, declined or gone. */
import { duration } from "../shared/format";
import { desk, type LiveOffer } from "./desk";
import { customerName, Icon, Masked, Tick } from "./parts";

function Offer({ offer }: { offer: LiveOffer }) {
  const t = desk.t.value;
  const left = () => Math.max(0, offer.until - performance.now());
  const name = customerName(offer.customer.name);
  const entry = desk.queue.value.find((e) => e.id === offer.entry_id);
  const since = Date.parse(entry?.queued_at ?? offer.created_at);
  return (
    <article
      class={`offer ${offer.kind}`}
      data-testid="offer"
      data-offer-id={offer.id}
      data-kind={offer.kind}
    >
      <span class="ring">
        <Icon name={offer.kind === "chat" ? "chat" : "phone"} size={26} />
      </span>
      <div class="offertext">
        <h2>
          {t(`offer_${offer.kind}`)}
          <span class="left" aria-hidden="true">
            <Tick every={250}>{() => t("offer_left", { n: Math.ceil(left() / 1000) })}</Tick>
          </span>
        </h2>
        <p class="offername">{name}</p>
        <p class="dim">
          <Tick>{() => t("offer_waited", { time: duration(desk.client.now() - since) })}</Tick>
          {entry?.language ? <span class="lang">{entry.language}</span> : null}
        </p>
        {offer.transfer && (
          <p class="handed" data-testid="offer-transfer">
            {t(offer.transfer.back ? "offer_back" : "offer_from", {
              name: customerName(offer.transfer.from.name),
            })}
            {offer.transfer.note && (
              <q class="block" dir="auto">
                <Masked body={offer.transfer.note} />
              </q>
            )}
          </p>
        )}
        {offer.problem && (
          <p class="over" role="alert">
            {offer.problem}
          </p>
        )}
        <p class="buttons">
          <button
            type="button"
            class="accept"
            disabled={offer.busy}
            onClick={() => void desk.accept(offer.id)}
            data-testid="offer-accept"
          >
            {t("accept")} <kbd>A</kbd>
          </button>
          <button
            type="button"
            class="plain"
            disabled={offer.busy}
            onClick={() => void desk.decline(offer.id)}
            data-testid="offer-decline"
          >
            {t("decline")} <kbd>D</kbd>
          </button>
        </p>
      </div>
      <span
        class="timeleft"
        aria-hidden="true"
        style={{
          "--from": String(Math.min(1, left() / offer.total)),
          "--left": `${Math.round(left())}ms`,
        }}
      />
    </article>
  );
}

export function Offers() {
  const offers = desk.offers.value;
  return (
    <>
      {offers.map((offer) => (
        <Offer key={offer.id} offer={offer} />
      ))}
    </>
  );
}
