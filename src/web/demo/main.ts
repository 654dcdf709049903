/* The demo bank: two customers to choose from, an account page, and the widget as a bank would carry
 * it. The login is the daemon's own demo route; a bank gives the JWT of its own login instead. */
import { type Child, h } from "../shared/dom";

interface Payment {
  who: string;
  what: string;
  amount: number;
  days: number;
}

interface Customer {
  key: "wanja" | "otieno";
  name: string;
  initials: string;
  current: number;
  savings: number;
  account: string;
  card: string;
  payments: Payment[];
}

const CUSTOMERS: Customer[] = [
  {
    key: "wanja",
    name: "Wanja Kimani",
    initials: "WK",
    current: 84250.5,
    savings: 312000,
    account: "**** 4471",
    card: "**** 1111",
    payments: [
      { who: "Greenleaf Market", what: "Card payment", amount: -2340, days: 0 },
      { who: "Salary, Acacia Ltd", what: "Transfer", amount: 96500, days: 1 },
      { who: "City Power", what: "Standing order", amount: -4120.75, days: 3 },
      { who: "Matatu Pass", what: "Card payment", amount: -600, days: 4 },
      { who: "Njeri Kimani", what: "Transfer", amount: -5000, days: 6 },
    ],
  },
  {
    key: "otieno",
    name: "Brian Otieno",
    initials: "BO",
    current: 12980,
    savings: 45500.25,
    account: "**** 9023",
    card: "**** 0405",
    payments: [
      { who: "Lake Books", what: "Card payment", amount: -1850, days: 0 },
      { who: "Phone credit", what: "Mobile payment", amount: -500, days: 1 },
      { who: "Rent, Kisumu Homes", what: "Standing order", amount: -28000, days: 2 },
      { who: "Invoice 0117", what: "Transfer", amount: 41200, days: 5 },
    ],
  },
];

const KEY = "demo.customer";

const money = new Intl.NumberFormat("en-KE", { style: "currency", currency: "KES" });
const signed = new Intl.NumberFormat("en-KE", {
  style: "currency",
  currency: "KES",
  signDisplay: "exceptZero",
});

function amount(value: number): HTMLElement {
  return h("span", { class: value > 0 ? "amount in" : "amount" }, signed.format(value));
}

function day(back: number): string {
  const date = new Date(Date.now() - back * 86400000);
  return new Intl.DateTimeFormat("en", { day: "numeric", month: "short" }).format(date);
}

async function token(key: string): Promise<string> {
  const response = await fetch("/demo/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ customer: key }),
  });
  if (!response.ok) throw new Error(`demo login: ${response.status}`);
  return ((await response.json()) as { token: string }).token;
}

function choose(key: string | null): void {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
  location.reload();
}

function section(id: string, title: string, ...content: Child[]): HTMLElement {
  return h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title),
    ...content,
  );
}

function picker(): Child[] {
  return [
    h(
      "div",
      { class: "hero" },
      h("h1", null, "Good banking grows slowly."),
      h("p", null, "Choose a customer to see the account page with support built in."),
      h(
        "ul",
        { class: "picker" },
        ...CUSTOMERS.map((c) =>
          h(
            "li",
            null,
            h(
              "button",
              { type: "button", onclick: () => choose(c.key), "data-testid": `customer-${c.key}` },
              h("span", { class: "avatar", "aria-hidden": "true" }, c.initials),
              h("span", null, h("strong", null, c.name), h("span", { class: "dim" }, "Sign in")),
            ),
          ),
        ),
      ),
    ),
  ];
}

function account(title: string, number: string, value: number): HTMLElement {
  return h(
    "li",
    { class: "account" },
    h("h3", null, title),
    h("p", { class: "dim" }, number),
    h("p", { class: "balance" }, money.format(value)),
  );
}

function home(c: Customer): Child[] {
  return [
    h("h1", null, `Welcome back, ${c.name.split(" ")[0]}`),
    section(
      "accounts",
      "Accounts",
      h(
        "ul",
        { class: "accounts" },
        account("Current account", c.account, c.current),
        account("Savings account", c.account.replace(/\d{4}/, "7730"), c.savings),
      ),
    ),
    section(
      "payments",
      "Latest payments",
      h(
        "ul",
        { class: "payments" },
        ...c.payments.map((p) =>
          h(
            "li",
            null,
            h("span", { class: "day" }, day(p.days)),
            h("span", { class: "payee" }, p.who, h("span", { class: "dim" }, p.what)),
            amount(p.amount),
          ),
        ),
      ),
    ),
    section(
      "cards",
      "Cards",
      h(
        "div",
        { class: "card" },
        h("span", null, "Debit card"),
        h("span", { class: "number" }, c.card),
        h("span", null, c.name),
      ),
      h(
        "p",
        null,
        "Lost a card, or a payment you do not know? ",
        h(
          "button",
          {
            type: "button",
            class: "link",
            onclick: () => window.supportd?.open?.(),
            "data-testid": "ask",
          },
          "Ask support",
        ),
      ),
    ),
  ];
}

declare global {
  interface Window {
    supportd?: { token: () => Promise<string | null>; open?: () => void };
  }
}

function start(): void {
  const chosen = CUSTOMERS.find((c) => c.key === sessionStorage.getItem(KEY));
  document
    .getElementById("main")
    ?.replaceChildren(...((chosen ? home(chosen) : picker()).filter(Boolean) as Node[]));
  if (chosen)
    document
      .getElementById("who")
      ?.append(
        h("span", { class: "avatar", "aria-hidden": "true" }, chosen.initials),
        h("span", { class: "name" }, chosen.name),
        h(
          "button",
          { type: "button", class: "link", onclick: () => choose(null), "data-testid": "sign-out" },
          "Sign out",
        ),
      );
  window.supportd = { token: async () => (chosen ? token(chosen.key) : null) };
}

start();
