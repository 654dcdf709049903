/* A new password for the own account: everywhere one is signed out then, here too. */
import { useState } from "preact/hooks";
import { desk, type Words } from "./desk";
import { Dialog } from "./parts";

const MIN = 10;
const MAX = 256;

function Field(props: { name: string; label: string; auto: string; least?: number }) {
  return (
    <label class="notefield">
      {props.label}
      <input
        name={props.name}
        type="password"
        autocomplete={props.auto}
        required
        minLength={props.least}
        maxLength={MAX}
        data-testid={`password-${props.name}`}
      />
    </label>
  );
}

export function PasswordDialog() {
  const t = desk.t.value;
  const [problem, setProblem] = useState<keyof Words | null>(null);
  const [busy, setBusy] = useState(false);
  const shut = () => {
    if (desk.password.value === "changed") location.reload();
    desk.password.value = null;
    setProblem(null);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const fresh = String(form.get("new"));
    if (busy) return;
    if (fresh !== String(form.get("again"))) {
      setProblem("password_differs");
      return;
    }
    setBusy(true);
    setProblem(await desk.changePassword(String(form.get("old")), fresh));
    setBusy(false);
  };
  const changed = desk.password.value === "changed";
  return (
    <Dialog
      open={desk.password.value !== null}
      onClose={shut}
      title={t("password_title")}
      testid="password-dialog"
    >
      {changed ? (
        <p role="status">{t("password_done")}</p>
      ) : (
        <form class="transfer" id="password-form" onSubmit={(event) => void submit(event)}>
          <p class="dim">{t("password_text", { n: MIN })}</p>
          <Field name="old" label={t("password_old")} auto="current-password" />
          <Field name="new" label={t("password_new")} auto="new-password" least={MIN} />
          <Field name="again" label={t("password_again")} auto="new-password" least={MIN} />
          {problem && (
            <p class="over" role="alert" data-testid="password-problem">
              {t(problem)}
            </p>
          )}
        </form>
      )}
      <p class="buttons">
        {changed ? (
          <button type="button" class="primary" onClick={shut} data-testid="password-login">
            {t("login")}
          </button>
        ) : (
          <>
            <button
              type="submit"
              form="password-form"
              class="primary"
              disabled={busy}
              data-testid="password-go"
            >
              {t("password_go")}
            </button>
            <button type="button" class="plain" onClick={shut}>
              {t("cancel")}
            </button>
          </>
        )}
      </p>
    </Dialog>
  );
}
