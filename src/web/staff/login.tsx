import { useState } from "preact/hooks";
import { desk, type Words } from "./desk";
import { Icon } from "./parts";

export function Login() {
  const t = desk.t.value;
  const [problem, setProblem] = useState<keyof Words | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setProblem(await desk.login(String(form.get("email")).trim(), String(form.get("password"))));
    setBusy(false);
  };
  return (
    <main class="login">
      <form onSubmit={(event) => void submit(event)} data-testid="login">
        <span class="logo">
          <Icon name="chat" size={26} />
        </span>
        <h1>{t("login_title")}</h1>
        <label>
          {t("email")}
          <input
            name="email"
            type="email"
            autocomplete="username"
            required
            data-testid="login-email"
          />
        </label>
        <label>
          {t("password")}
          <input
            name="password"
            type="password"
            autocomplete="current-password"
            required
            data-testid="login-password"
          />
        </label>
        <p class="problem" role="alert" data-testid="login-problem">
          {problem && (
            <>
              <Icon name="warn" size={16} />
              {t(problem)}
            </>
          )}
        </p>
        <button type="submit" class="primary" disabled={busy} data-testid="login-submit">
          {t(busy ? "logging_in" : "login")}
        </button>
      </form>
    </main>
  );
}
