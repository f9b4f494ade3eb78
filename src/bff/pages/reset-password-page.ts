import { VitalgateError } from '../../client/vitalgate-error.ts';
import { drawing, element, show } from './element.ts';
import { asTyped, field, form, showTyped, type Complaint, type Field } from './form-field.ts';
import { icons } from './icons.ts';
import { alertOf } from './notice.ts';
import { api, settled } from './service.ts';
import { applyTheme, themeSwitch } from './theme-switch.ts';

const trouble = 'The service does not answer just now, and nothing has changed. Try again in a minute.';
const tooOften = 'That was asked too often from here, and nothing has changed. Try again later.';

const title = element('h1', { tabindex: -1 }, 'Set a new password');
const body = element('div', { class: 'card' });

const codeOf = (error: unknown): string => (error instanceof VitalgateError ? error.code : '');
const isUnfit = (code: string): boolean => code === 'invalid-request' || code === 'invalid-text';
const signInLink = (text: string): HTMLElement => element('p', { class: 'gate-link' }, element('a', { href: '/' }, text));

const finish = (text: string): void => {
  show(body, element('p', { class: 'strong' }, text), signInLink('Go to the sign-in'));
  title.focus();
};

/** For who has no link, or one that works no more. */
const askView = (told?: HTMLElement): Field => {
  const email = field('E-mail address', { type: 'email', name: 'email', autocomplete: 'email', ...asTyped });
  const noAddress = { text: 'This is not an e-mail address.', field: email };
  const send = async (): Promise<Complaint | undefined> => {
    const address = email.input.value.trim();
    if (address === '') return noAddress;
    try {
      await settled(api.POST('/reset-password', { body: { email: address } }));
    } catch (error) {
      const code = codeOf(error);
      if (isUnfit(code)) return noAddress;
      return { text: code === 'too-many-requests' ? tooOften : trouble };
    }
    finish('If an account has this address, a mail with a link is on its way. Open the newest link: earlier ones stop working. If there is no mail within a few minutes, look into the folder for junk.');
    return undefined;
  };
  show(body, form({ fields: [email], send, told }, element('p', {}, 'Give the e-mail address of your account: you get a link to set a new password.'), email.node, element('button', { class: 'wide' }, 'Send me a link')),
    signInLink('Back to the sign-in'));
  return email;
};

/** What was wrong with a new password, or with its link; the service knows the rules. */
const complaintOf = (error: unknown, field: Field): Complaint | undefined => {
  const code = codeOf(error);
  if (code === 'reset-token-invalid') {
    askView(alertOf('This link works no more: it was used, has expired, or a newer one was sent. Ask for a new one.')).input.focus();
    return undefined;
  }
  if (code.startsWith('password-') && error instanceof VitalgateError) return { text: error.problem?.errors?.[0]?.message ?? error.message, field };
  if (isUnfit(code)) return { text: 'This password cannot be used: choose another.', field };
  if (code === 'too-many-requests') return { text: tooOften };
  return { text: code === 'not-supported' ? 'Passwords cannot be set here. Ask those who gave you your account.' : trouble };
};

/** For who has a link. */
const chooseView = (token: string): void => {
  const password = field('New password', { type: 'password', name: 'password', autocomplete: 'new-password', ...asTyped },
    'Choose a long password that is used nowhere else. Every character counts, spaces too: a few words are easy to remember.');
  const again = field('The same password again', { type: 'password', name: 'again', autocomplete: 'new-password', ...asTyped });
  const send = async (): Promise<Complaint | undefined> => {
    if (password.input.value === '') return { text: 'Type the new password.', field: password };
    if (password.input.value !== again.input.value) return { text: 'The two passwords differ: type the same one twice.', field: again };
    try {
      await settled(api.POST('/reset-password/confirm', { body: { token, password: password.input.value } }));
    } catch (error) {
      return complaintOf(error, password);
    }
    finish('Your new password is set, and you are signed out everywhere. You can sign in now with the new one.');
    return undefined;
  };
  show(body, form({ fields: [password, again], send }, password.node, again.node, showTyped(password.input, again.input), element('button', { class: 'wide' }, 'Set this password')));
};

// The token stays in this page's memory alone: not in the address bar, not in the history.
const begin = (): void => {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
  if (location.hash !== '') history.replaceState(null, '', location.pathname);
  if (token === '') askView();
  else chooseView(token);
};

applyTheme();
document.body.replaceChildren(
  element('header', { class: 'bar' }, element('a', { class: 'brand', href: '/' }, drawing(icons.pulse, 'mark'), 'Vitalgate'), element('div', { class: 'who' }, themeSwitch())),
  element('main', { id: 'content' }, element('div', { class: 'gate' }, title, body)));
addEventListener('hashchange', () => {
  if (location.hash !== '') begin();
});
begin();
