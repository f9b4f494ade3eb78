const special: Readonly<Record<string, string>> = { ecg: 'ECG', 'body-mass-index': 'Body mass index', 'vo2-max': 'VO₂ max' };

/** A normalized type as people call it: `heart-rate` is Heart rate. */
export const typeTitle = (type: string): string => {
  const words = type.replaceAll(/[-_]/g, ' ');
  return special[type] ?? words.charAt(0).toUpperCase() + words.slice(1);
};

/** A source of samples as people know it: the name of a device of theirs, else what its identifier says. */
export const sourceTitle = (source: string, devices: ReadonlyMap<string, string>): string => {
  const [, apple] = /^com\.apple\.health\.([0-9A-F]{4,8})/i.exec(source) ?? [];
  return devices.get(source) ?? (apple === undefined ? source : `Apple device ${apple}`);
};
