import { settings, type SettingName } from './settings.ts';
import { urlPartsOf } from './url-parts.ts';

const masked = '***';
/** Parameters of a database URL that are no secrets. */
const openParameters = /^(host|hostaddr|port|dbname|user|sslmode|sslrootcert|application_name|connect_timeout|target_session_attrs)$/;

/** A URL as it was written, with the password in it masked; masked whole where it is not clear which part that is. */
const withoutPassword = (text: string): string => {
  const { scheme = '', authority = '', path = '', query, fragment } = urlPartsOf(text) ?? {};
  // An @ behind the host may be that of a password that begins before it.
  if (scheme === '' || fragment !== undefined || path.includes('@') || (!authority.includes('@') && query?.includes('@') === true)) return masked;
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, Math.max(at, 0));
  const shownUser = user.includes(':') ? `${user.slice(0, user.indexOf(':'))}:${masked}` : user;
  const isOpen = query === undefined || query.split('&').every((pair) => openParameters.test(pair.split('=')[0] ?? ''));
  return `${scheme}${shownUser}${authority.slice(at === -1 ? 0 : at)}${path}${query === undefined ? '' : `?${isOpen ? query : masked}`}`;
};

/** The text of a setting as it may be shown. */
export const shownValue = (name: SettingName, text: string): string =>
  settings[name].secret === 'no' ? text : settings[name].secret === 'whole' ? masked : withoutPassword(text);
