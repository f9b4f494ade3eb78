import { drawing, element, show } from './element.ts';
import { icons } from './icons.ts';
import { kept, keep } from './memory.ts';

const choices = ['system', 'light', 'dark'] as const;
type Choice = (typeof choices)[number];
const drawings: Readonly<Record<Choice, string>> = { system: icons.screen, light: icons.sun, dark: icons.moon };
const names: Readonly<Record<Choice, string>> = { system: 'as the device has them', light: 'light', dark: 'dark' };

/** Told on the window when colours have changed, for what is drawn and not styled. */
export const THEME_CHANGED = 'vitalgate-theme';

const chosen = (): Choice => choices.find((choice) => choice === kept('theme')) ?? 'system';
const announce = (): boolean => dispatchEvent(new Event(THEME_CHANGED));

/** Colours as the person chose them, else as their device has them. */
export const applyTheme = (): void => {
  const choice = chosen();
  if (choice === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = choice;
  announce();
};

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', announce);

/** The button that goes through the choices. */
export const themeSwitch = (): HTMLButtonElement => {
  const button = element('button', { type: 'button', class: 'quiet round' });
  const tell = (): void => {
    const label = `Colours: ${names[chosen()]}`;
    button.setAttribute('aria-label', label);
    button.title = label;
    show(button, drawing(drawings[chosen()]));
  };
  button.addEventListener('click', () => {
    keep('theme', choices[(choices.indexOf(chosen()) + 1) % choices.length] ?? 'system');
    applyTheme();
    tell();
  });
  tell();
  return button;
};
