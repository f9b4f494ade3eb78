import { element, show, type Child } from './element.ts';
import { alertOf } from './notice.ts';

/** A labelled input, with room for what is wrong with it. */
export interface Field {
  readonly node: HTMLElement;
  readonly input: HTMLInputElement;
  /** Says what is wrong, or nothing more. */
  readonly complain: (text?: string) => void;
}

let count = 0;

/** Makes an input with its label above, advice below, and a place for complaints. */
export const field = (label: string, attributes: Readonly<Record<string, string | boolean>>, advice?: string): Field => {
  const id = `field-${String((count += 1))}`;
  const input = element('input', { id, 'aria-describedby': `${id}-advice ${id}-fault`, ...attributes });
  const said = element('p', { id: `${id}-fault`, class: 'field-fault', role: 'alert' });
  const node = element('div', { class: 'field' },
    element('label', { for: id }, label), input, element('p', { id: `${id}-advice`, class: 'advice' }, advice), said);
  return {
    node, input,
    complain: (text = '') => {
      said.textContent = text;
      if (text === '') input.removeAttribute('aria-invalid');
      else {
        input.setAttribute('aria-invalid', 'true');
        input.focus();
      }
    },
  };
};

/** Passwords and names are sent as they were typed. */
export const asTyped = { autocapitalize: 'none', spellcheck: 'false', required: true } as const;

/** A box that shows what is typed into password fields. */
export const showTyped = (...inputs: readonly HTMLInputElement[]): HTMLElement => {
  const box = element('input', {
    type: 'checkbox',
    onchange: () => {
      for (const input of inputs) input.type = box.checked ? 'text' : 'password';
    },
  });
  return element('label', { class: 'choice' }, box, ' Show what I type');
};

/** What is wrong with what was typed, or with sending it; told at its field where it is about one. */
export interface Complaint {
  readonly text: string;
  readonly field?: Field | undefined;
}

/** What a form is made of. */
export interface FormOptions {
  readonly fields: readonly Field[];
  /** Resolves to what the person must be told, if anything. */
  readonly send: () => Promise<Complaint | undefined>;
  /** What is told before anything is sent. */
  readonly told?: HTMLElement | undefined;
}

/** A form that sends once at a time, and tells complaints where they belong. */
export const form = ({ fields, send, told }: FormOptions, ...children: readonly Child[]): HTMLFormElement => {
  const head = element('div', {}, told);
  const run = async (): Promise<void> => {
    for (const one of fields) one.complain();
    show(head);
    const complaint = await send();
    if (complaint?.field !== undefined) complaint.field.complain(complaint.text);
    else if (complaint !== undefined) show(head, alertOf(complaint.text));
  };
  const node: HTMLFormElement = element('form', {
    novalidate: true,
    onsubmit: async (event) => {
      event.preventDefault();
      if (node.hasAttribute('aria-busy')) return;
      node.setAttribute('aria-busy', 'true');
      await run().finally(() => node.removeAttribute('aria-busy'));
    },
  }, head, ...children);
  return node;
};
