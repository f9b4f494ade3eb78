import type { UserInfo } from '../../../generated/bff.d.ts';
import { accessList } from './access-list.ts';
import { chartView } from './chart-view.ts';
import { deviceList } from './device-list.ts';
import { drawing, element, show } from './element.ts';
import { exportPanel } from './export-panel.ts';
import { icons } from './icons.ts';
import { fault, waiting } from './notice.ts';
import { demandSamePerson, onOtherPages, personNow, personShown, showPerson, tellOtherPages } from './person.ts';
import type { Place } from './place.ts';
import { isSignedOut, OtherPersonError, signOut } from './service.ts';
import { signInView } from './sign-in.ts';
import { themeSwitch } from './theme-switch.ts';
import { uploadList } from './upload-list.ts';

interface View {
  readonly title: string;
  readonly icon: string;
  readonly open: (place: Place) => Promise<HTMLElement>;
}

const views: Readonly<Record<string, View>> = {
  charts: { title: 'Charts', icon: icons.chart, open: chartView },
  devices: { title: 'Devices', icon: icons.device, open: deviceList },
  uploads: { title: 'Uploads', icon: icons.upload, open: uploadList },
  access: { title: 'Access', icon: icons.eye, open: accessList },
  export: { title: 'Export', icon: icons.archive, open: exportPanel },
};

const addressed = (): { readonly name: string; readonly rest: string } => {
  const [name = '', rest = ''] = location.hash.slice(1).split('/', 2);
  return { name: name in views ? name : 'charts', rest };
};

const main = element('main', { id: 'content', tabindex: -1 });
const header = element('header', { class: 'bar' });
/** Counts what the page turned to; an answer for what was before is nobody's. */
let opened = 0;

const brand = () => element('a', { class: 'brand', href: '#charts' }, drawing(icons.pulse, 'mark'), 'Vitalgate');
const nameOf = ({ name, preferred_username: username, email, sub }: UserInfo): string => name ?? username ?? email ?? sub;

const link = (name: string, { title, icon }: View): HTMLElement =>
  element('a', { href: `#${name}`, 'aria-current': name === addressed().name && 'page' }, drawing(icon), element('span', {}, title));

const leave = async (): Promise<void> => {
  try {
    await signOut();
  } catch (error) {
    onFault(error);
    return;
  }
  tellOtherPages();
  history.replaceState(null, '', location.pathname);
  askToSignIn(false);
};

const showHeader = (): void => {
  const named = personShown();
  if (named === undefined) {
    show(header, element('span', { class: 'brand' }, drawing(icons.pulse, 'mark'), 'Vitalgate'), element('div', { class: 'who' }, themeSwitch()));
    return;
  }
  show(header, brand(), element('nav', { 'aria-label': 'Pages' }, ...Object.entries(views).map(([name, view]) => link(name, view))),
    element('div', { class: 'who' }, element('span', { class: 'name' }, nameOf(named)), themeSwitch(),
      element('button', { type: 'button', class: 'quiet round', title: 'Sign out', 'aria-label': 'Sign out', onclick: leave }, drawing(icons.leave))));
};

const focusTitle = (): void => main.querySelector('h1')?.focus({ preventScroll: true });

const askToSignIn = (hasEnded: boolean): void => {
  opened += 1;
  showPerson(undefined);
  document.title = 'Sign in – Vitalgate';
  showHeader();
  show(main, signInView(signedIn, hasEnded));
  main.querySelector<HTMLElement>('input')?.focus();
};

const onFault = (error: unknown): void => {
  if (error instanceof OtherPersonError) void begin();
  else if (isSignedOut(error)) askToSignIn(true);
  else show(main, fault(error));
};

/** Opens the view of the address; what was opened since is not written over, and nobody sees the data of another. */
const open = async (): Promise<void> => {
  const { name, rest } = addressed();
  const view = views[name];
  if (personShown() === undefined || view === undefined) return;
  const mine = (opened += 1);
  const ifCurrent = (act: () => void): void => {
    if (mine === opened) act();
  };
  const onFaultHere = (error: unknown): void => ifCurrent(() => onFault(error));
  document.title = `${view.title} – Vitalgate`;
  showHeader();
  const timer = setTimeout(() => ifCurrent(() => show(main, waiting())), 300);
  try {
    const node = await view.open({ rest, onFault: onFaultHere });
    // Asked after the view has its data: whose they are is certain only then.
    await demandSamePerson();
    ifCurrent(() => {
      show(main, node);
      scrollTo(0, 0);
      focusTitle();
    });
  } catch (error) {
    onFaultHere(error);
  } finally {
    clearTimeout(timer);
  }
};

const begin = async (): Promise<void> => {
  const mine = (opened += 1);
  showPerson(undefined);
  try {
    const person = await personNow();
    if (mine !== opened) return;
    showPerson(person);
  } catch (error) {
    if (mine !== opened) return;
    if (isSignedOut(error)) askToSignIn(false);
    else {
      showHeader();
      show(main, fault(error), element('button', { type: 'button', onclick: begin }, 'Try again'));
    }
    return;
  }
  await open();
};

const signedIn = async (): Promise<void> => {
  tellOtherPages();
  await begin();
};

/** Begins anew when this page shows somebody who is signed in no more; what is being typed into it stays otherwise. */
const followOtherPages = async (): Promise<void> => {
  const sub = await personNow().then((person) => person.sub, (error: unknown) => (isSignedOut(error) ? undefined : personShown()?.sub));
  if (sub !== personShown()?.sub) await begin();
};

/** Starts the page: who is signed in, and what the address asks for. */
export const startShell = async (): Promise<void> => {
  document.body.replaceChildren(element('a', { class: 'skip', href: '#content', onclick: (event) => {
    event.preventDefault(); // the address stays that of the view
    main.focus();
  } }, 'Skip to the content'), header, main);
  addEventListener('hashchange', () => void open());
  onOtherPages(() => void followOtherPages());
  await begin();
};
