interface ItemCatalogueEntry {
  readonly message: string;
  /** Whether the same item can be accepted later without a change. */
  readonly retryable: boolean;
}

const entry = (message: string, retryable = false): ItemCatalogueEntry => ({ message, retryable });

/** Why an item of an upload is refused; messages say what to do and never quote the item. */
const itemCatalogue = {
  'invalid-item': entry('Send each item as a JSON object that fits the specification.'),
  'missing-date': entry('Send startDate (or start) with every item; add it where the library tells none.'),
  'invalid-date': entry('Write dates as 2024-07-23T15:44:05.993+0200, with an offset or Z.'),
  'end-before-start': entry('The end must not be before the start.'),
  'date-in-future': entry('The item is from the future; check the clock of the phone.', true),
  'invalid-id': entry('Send the HealthKit UUID of the sample as id, or leave id out.'),
  'missing-value': entry('Send the value of the sample.'),
  'invalid-value': entry('Send a finite number with a decimal point; only category samples take other text.'),
  'value-out-of-range': entry('The value is impossible for this type in this unit.'),
  'invalid-text': entry('Remove NUL characters and lone surrogates from the text.'),
  'text-too-long': entry('Shorten the text to 4096 characters.'),
  'unit-unknown': entry('Use a HealthKit or UCUM unit.'),
  'unit-not-for-type': entry('Use a unit that measures what the type measures.'),
  'older-than-history': entry('Leave the sample out: this installation takes none that old; GET /limits tells the bound.'),
  'device-not-enrolled': entry('Enrol the device with POST /devices/assign, then send the item again.', true),
  'not-your-data': entry('Send only data of the signed-in patient.'),
} as const satisfies Record<string, ItemCatalogueEntry>;

/** A stable code of the verdicts on items. */
export type ItemCode = keyof typeof itemCatalogue;

/** All codes in the order of the catalogue; the specification's enum of `ItemError.code` lists the same. */
export const itemCodes = Object.keys(itemCatalogue) as readonly ItemCode[];

/** What to do about a code, and whether the same item can be accepted later. */
export const adviceOn = (code: ItemCode): ItemCatalogueEntry => itemCatalogue[code];

/** The refusal of one item; `pointer` is a JSON pointer into the body, or /query/<name> where the query is to blame. */
export interface ItemError {
  readonly index: number;
  readonly code: ItemCode;
  readonly pointer: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** Makes the refusal of the item at `index` for a place inside it (a JSON pointer relative to the item). */
export const itemError = (index: number, code: ItemCode, place: string): ItemError =>
  ({ index, code, pointer: `/${index}${place}`, ...itemCatalogue[code] });
