import { namesIn, QueryFault, type MemberKind, type Vocabulary } from '../../query/condition.ts';

const kinds: Readonly<Record<string, MemberKind>> = {
  _id: 'text', authUserId: 'text', username: 'name', email: 'name', name: 'text', userGroup: 'text', blocked: 'boolean', expirationDate: 'instant',
  roles: 'list', createdAt: 'instant', updatedAt: 'instant', creatorId: 'text', updaterId: 'text', __STATE__: 'text',
};

const unknownMember = 'Name members and custom properties of users alone.';

const kindOf = (member: string, customNames: ReadonlySet<string>): MemberKind | undefined =>
  Object.hasOwn(kinds, member) ? kinds[member] : customNames.has(member.split('.', 1)[0] ?? '') && /^[\w-]+(\.[\w-]+)*$/.test(member) ? 'custom' : undefined;

/** What can be asked about users: their members, and custom properties by name. */
export const userVocabulary = (customNames: ReadonlySet<string>): Vocabulary => ({ kindOf: (member) => kindOf(member, customNames), patterns: false, unknownMember });

/** Reads the parameter `_p`: the members to answer, always with `_id`. Throws QueryFault. */
export const readProjection = (text: string, { kindOf: known }: Vocabulary): ReadonlySet<string> => {
  const names = namesIn(text);
  if (names.some((name) => known(name) === undefined || name.includes('.'))) throw new QueryFault('_p', 'unknown-member', unknownMember);
  return new Set(['_id', ...names]);
};
