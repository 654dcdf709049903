/* Small pieces that several components draw. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { maskSplit } from "../shared/rich";
import { desk } from "./desk";
import { STAFF_ICONS, type StaffIcon } from "./icons";

export function Icon({ name, size = 18 }: { name: StaffIcon; size?: number }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={STAFF_ICONS[name]} />
    </svg>
  );
}

/* Draws its children anew each second (or every ms), with the time as argument. */
export function Tick({ every = 1000, children }: { every?: number; children: () => string }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => redraw((n) => n + 1), every);
    return () => clearInterval(timer);
  }, [every]);
  return <>{children()}</>;
}

export function Masked({ body }: { body: string }) {
  return (
    <>
      {maskSplit(body).map((part, i) =>
        part.masked ? (
          <span key={i} class="masked">
            {part.text}
          </span>
        ) : (
          part.text
        ),
      )}
    </>
  );
}

export function Dialog(props: {
  open: boolean;
  onClose: () => void;
  title: string;
  testid: string;
  children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (props.open && !dialog.open) dialog.showModal();
    if (!props.open && dialog.open) dialog.close();
  }, [props.open]);
  return (
    <dialog
      ref={ref}
      onClose={props.onClose}
      aria-labelledby={props.testid}
      data-testid={props.testid}
    >
      {props.open && (
        <>
          <h2 id={props.testid}>{props.title}</h2>
          {props.children}
        </>
      )}
    </dialog>
  );
}

/* Where the words for a state of a chat come from. */
export function customerName(name: string | null | undefined): string {
  return name || desk.t.value("unnamed");
}
