import { settings, type SettingName } from './settings.ts';

const masked = '***';
/** Parameters of a database URL that are no secrets. */
const openParameters = /^(host|hostaddr|port|dbname|user|sslmode|sslrootcert|application_name|connect_timeout|target_session_attrs)$/;

/** A URL as it was written, with the password in it masked; masked whole where it is not clear which part that is. */
const withoutPassword = (text: string): string => {
  const [, before = '', authority, path = ''] = /^([a-z]+:\/\/)([^/?#]*)([^#]*)$/i.exec(text) ?? [];
  if (authority === undefined) return masked;
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, Math.max(at, 0));
  const shownUser = user.includes(':') ? `${user.slice(0, user.indexOf(':'))}:${masked}` : user;
  const [place = '', query] = path.split(/\?(.*)/s);
  const isOpen = query === undefined || query.split('&').every((pair) => openParameters.test(pair.split('=')[0] ?? ''));
  return `${before}${shownUser}${authority.slice(at === -1 ? 0 : at)}${place}${query === undefined ? '' : `?${isOpen ? query : masked}`}`;
};

/** The text of a setting as it may be shown. */
export const shownValue = (name: SettingName, text: string): string =>
  settings[name].secret === 'no' ? text : settings[name].secret === 'whole' ? masked : withoutPassword(text);
