import table from './r4-structure.json' with { type: 'json' };

/** Elements by type: `min..max type values`; the member "" names the type whose elements it has too. After the tables of FHIR R4, 4.0.1. */
const elements: Readonly<Record<string, Readonly<Record<string, string>>>> = table;

interface Rule {
  readonly min: number;
  readonly many: boolean;
  readonly types: readonly string[];
  readonly values: readonly string[] | undefined;
}

const ruleOf = (text: string): Rule => {
  const [cardinality = '', types = '', values] = text.split(' ');
  return { min: Number(cardinality[0]), many: cardinality.endsWith('*'), types: types.split(','), values: values?.split('|') };
};

const offset = '(Z|[+-]\\d{2}:\\d{2})';
const primitives: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string' && value.trim() !== '',
  markdown: (value) => typeof value === 'string' && value.trim() !== '',
  uri: (value) => typeof value === 'string' && /^\S+$/.test(value),
  canonical: (value) => typeof value === 'string' && URL.canParse(value),
  code: (value) => typeof value === 'string' && /^[^\s]+(\s[^\s]+)*$/.test(value),
  id: (value) => typeof value === 'string' && /^[A-Za-z0-9\-.]{1,64}$/.test(value),
  boolean: (value) => typeof value === 'boolean',
  decimal: (value) => typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0),
  integer: (value) => Number.isInteger(value),
  unsignedInt: (value) => Number.isInteger(value) && (value as number) >= 0,
  instant: (value) => typeof value === 'string' && new RegExp(`^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?${offset}$`).test(value) && !Number.isNaN(Date.parse(value)),
  dateTime: (value) => typeof value === 'string' && new RegExp(`^\\d{4}(-\\d{2}(-\\d{2}(T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?${offset})?)?)?$`).test(value) && !Number.isNaN(Date.parse(value)),
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

const rulesOf = (type: string): Map<string, Rule> => {
  const own = elements[type];
  if (own === undefined) throw new Error(`The table has no type ${type}.`);
  const inherited = own[''] === undefined ? [] : [...rulesOf(own[''])];
  return new Map([...inherited, ...Object.entries(own).filter(([name]) => name !== '').map(([name, text]): [string, Rule] => [name, ruleOf(text)])]);
};

const capitalized = (type: string) => type.charAt(0).toUpperCase() + type.slice(1);

/** The element that a member is, and its type: `valueQuantity` is `value[x]` as a Quantity. */
const elementOf = (rules: ReadonlyMap<string, Rule>, member: string): { name: string; type: string; rule: Rule } | undefined => {
  const rule = rules.get(member);
  if (rule !== undefined) return { name: member, type: rule.types[0] ?? '', rule };
  for (const [name, choice] of rules) {
    const type = name.endsWith('[x]') ? choice.types.find((one) => `${name.slice(0, -3)}${capitalized(one)}` === member) : undefined;
    if (type !== undefined) return { name, type, rule: choice };
  }
  return undefined;
};

const faultsOfValue = (value: unknown, type: string, { values }: Rule, path: string): string[] => {
  if (type === 'Resource') return faultsOf(value, path);
  const primitive = primitives[type];
  if (primitive === undefined) return faultsOfType(value, type, path);
  if (!primitive(value)) return [`${path} is no ${type}`];
  return values === undefined || values.includes(value as string) ? [] : [`${path} is not in its value set`];
};

const faultsOfType = (value: unknown, type: string, path: string): string[] => {
  if (!isObject(value)) return [`${path} is no object`];
  const members = Object.keys(value).filter((name) => name !== 'resourceType');
  if (members.length === 0 && type !== 'OperationOutcome') return [`${path} is empty`];
  // Types that nothing of ours has are taken as they are.
  if (elements[type] === undefined) return [];
  const rules = rulesOf(type);
  const counted = new Map<string, number>();
  const faults = members.flatMap((member): string[] => {
    const [element, held, at] = [elementOf(rules, member), value[member], `${path}.${member}`];
    if (element === undefined) return [`${at} is unknown`];
    counted.set(element.name, (counted.get(element.name) ?? 0) + 1);
    if (element.rule.many !== Array.isArray(held)) return [`${at} ${element.rule.many ? 'is no array' : 'is an array'}`];
    const all = Array.isArray(held) ? held : [held];
    return all.length === 0 ? [`${at} is empty`] : all.flatMap((one) => faultsOfValue(one, element.type, element.rule, at));
  });
  const missing = [...rules].filter(([name, { min }]) => min > 0 && !counted.has(name)).map(([name]) => `${path}.${name} is missing`);
  const doubled = [...counted].filter(([, count]) => count > 1).map(([name]) => `${path}.${name} is there twice`);
  return [...faults, ...missing, ...doubled];
};

/** Invariants that no table of elements says, by resource. */
const invariants = ({ resourceType, component, code, link, entry, ...resource }: Readonly<Record<string, unknown>>): string[] => {
  if (resourceType === 'Observation') {
    const value = Object.keys(resource).some((name) => /^value[A-Z]/.test(name));
    const codes = (list: unknown) => ((list as { coding?: { system?: string; code?: string }[] } | undefined)?.coding ?? []).map((one) => `${one.system ?? ''}|${one.code ?? ''}`);
    const repeated = ((component ?? []) as { code?: unknown }[]).some((one) => codes(one.code).some((inner) => codes(code).includes(inner)));
    return [...(value && resource['dataAbsentReason'] !== undefined ? ['obs-6: a value and a reason why there is none'] : []), ...(value && repeated ? ['obs-7: a value beside a component of its code'] : [])];
  }
  if (resourceType !== 'Bundle') return [];
  const urls = ((entry ?? []) as { fullUrl?: string }[]).map(({ fullUrl }) => fullUrl);
  return [...(new Set(urls).size === urls.length ? [] : ['bdl-7: a fullUrl twice']), ...(resource['type'] === 'searchset' && link === undefined ? ['a search without link self'] : [])];
};

/** What in a resource is not FHIR R4: unknown and missing elements, wrong cardinalities and types, codes outside of required value sets. */
export const faultsOf = (resource: unknown, path = ''): string[] => {
  if (!isObject(resource) || typeof resource['resourceType'] !== 'string') return [`${path} is no resource`];
  const type = resource['resourceType'];
  return [...faultsOfType(resource, type, path === '' ? type : path), ...invariants(resource)];
};
