import { element } from './element.ts';

/** Asks before something happens; resolves true when the person says yes. Escape means no. */
export const question = (title: string, text: string, yes: string, no: string): Promise<boolean> =>
  new Promise((resolve) => {
    const answer = (value: 'yes' | 'no') => () => dialog.close(value);
    const dialog: HTMLDialogElement = element('dialog', {
      'aria-labelledby': 'question',
      onclose: () => {
        dialog.remove();
        resolve(dialog.returnValue === 'yes');
      },
    }, element('h2', { id: 'question' }, title), element('p', {}, text),
      element('div', { class: 'buttons' }, element('button', { type: 'button', class: 'quiet', onclick: answer('no') }, no), element('button', { type: 'button', class: 'danger', onclick: answer('yes') }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
