/** What a Medisanté id begins with, `Manufacturer:Model:Serial`; a URN and a hardware address look alike and are none. */
const medisanteId = /^(?!urn:)([^:]+:[^:]+):[^:]+$/i;

/**
 * `Manufacturer:Model` of a device, by the first of its names that is an id as Medisanté writes them, else by what it says of both;
 * undefined where it does not say both.
 */
export const deviceModelOf = (names: readonly (string | undefined)[], manufacturer: string | undefined, model: string | undefined): string | undefined => {
  const told = names.map((name) => medisanteId.exec(name ?? '')?.[1]).find((one) => one !== undefined);
  return told ?? (manufacturer !== undefined && model !== undefined ? `${manufacturer}:${model}` : undefined);
};
