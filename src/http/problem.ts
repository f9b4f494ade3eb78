/** One entry of the catalogue: what a code means on the wire and what the client should do next. */
export interface CatalogueEntry {
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
  /** Default detail: advice that holds for every occurrence and never quotes the request. */
  readonly detail: string;
}

const entry = (status: number, title: string, detail: string, retryable = false): CatalogueEntry =>
  ({ status, title, detail, retryable });

/** Every code a problem can carry; the spec's enum of `Problem.code` lists the same. */
export const problemCatalogue = {
  'malformed-json': entry(400, 'Malformed JSON', 'Send one complete JSON document.'),
  'malformed-xml': entry(400, 'Malformed XML', 'Send one complete XML 1.0 document without processing instructions.'),
  'forbidden-doctype': entry(400, 'Forbidden DOCTYPE', 'Leave out DOCTYPE and entity declarations.'),
  'duplicate-key': entry(400, 'Duplicate key', 'Name each key of a JSON object once.'),
  'forbidden-key': entry(400, 'Forbidden key', 'Rename the key: it is reserved by JavaScript.'),
  'too-deep': entry(400, 'Nested too deeply', 'Nest the document less deeply.'),
  'not-utf8': entry(400, 'Not UTF-8', 'Encode the body as UTF-8 without a byte order mark.'),
  'invalid-text': entry(400, 'Invalid text', 'Remove NUL characters and lone surrogates from the text.'),
  'invalid-request': entry(400, 'Invalid request', 'Correct the members named in errors; the specification describes them.'),
  'unknown-format': entry(400, 'Unknown format', 'Use one of the formats the specification lists, or leave the format out.'),
  'unknown-parameter': entry(400, 'Unknown parameter', 'Leave out query parameters the specification does not list.'),
  'unknown-data-type': entry(400, 'Unknown data type', 'Use one of the data types the specification lists.'),
  'user-header-missing': entry(400, 'User header missing', 'Send the header named in errors with the id of the patient.'),
  'reset-token-invalid': entry(400, 'Reset token invalid', 'Ask for a new link.'),
  'password-too-short': entry(400, 'Password too short', 'Choose a longer password; errors tells how long. A few words are easy to remember.'),
  'password-too-long': entry(400, 'Password too long', 'Choose a shorter password; errors tells how long it may be.'),
  'password-too-common': entry(400, 'Password too common', 'Choose another password: this one is widely known, or made of names that others know. A few unrelated words do.'),
  unauthenticated: entry(401, 'Not authenticated', 'Send a valid credential; sign in again if the session has ended.'),
  'sign-in-failed': entry(401, 'Sign-in failed', 'Check user name and password.'),
  'insecure-transport': entry(403, 'Insecure transport', 'Send credentials over https, or over loopback without a proxy. Change the credential: it has been on the wire in clear.'),
  'foreign-origin': entry(403, 'Foreign origin', 'Send this from the pages of this service, or from an app without a browser; the operator can name further origins in ALLOWED_ORIGINS.'),
  forbidden: entry(403, 'Forbidden', 'Use a credential that is allowed to do this.'),
  'not-your-data': entry(403, 'Not your data', 'Ask only for data of the signed-in patient.'),
  'not-found': entry(404, 'Not found', 'Check the path and the id in it.'),
  'method-not-allowed': entry(405, 'Method not allowed', 'Use one of the methods in the header Allow.'),
  'device-not-enrolled': entry(409, 'Device not enrolled', 'Assign the device to the patient first.'),
  'device-already-assigned': entry(409, 'Device already assigned', 'Unassign the device from its current holder first.'),
  'signed-in-as-another': entry(409, 'Signed in as another', 'Somebody else is signed in now. Keep this, and send it when the person is signed in whom it belongs to.'),
  'already-exists': entry(409, 'Already exists', 'Use another value for the members named in errors, or use the existing record.'),
  'cannot-go-on': entry(409, 'Cannot go on', 'This cannot be done with an entry of this kind; the specification says with which.'),
  'patient-erased': entry(410, 'Patient erased', 'Nothing of this patient is kept any more, on request: stop sending, and forget what is left.'),
  'invalid-rule': entry(400, 'Invalid rule', 'Mend the rule at the places named in errors.'),
  'version-conflict': entry(409, 'Version conflict', 'Read the newest version and make the change from it.'),
  'detection-refused': entry(409, 'Detection refused', 'The Therapy and Monitoring Manager refused it; the list of parked submissions tells why.'),
  'two-live-keys': entry(409, 'Two live keys', 'Revoke one of the two keys that live first.'),
  'payload-too-large': entry(413, 'Payload too large', 'Send smaller requests; limits names the bounds.'),
  'too-many-items': entry(413, 'Too many items', 'Split the array over several requests; limits names the bounds.'),
  'unsupported-media-type': entry(415, 'Unsupported media type', 'Use a Content-Type the specification lists for the operation.'),
  'unsupported-encoding': entry(415, 'Unsupported content encoding', 'Use the Content-Encoding gzip or br, or none.'),
  'samples-refused': entry(422, 'Samples refused', 'Nothing was kept: mend or leave out the samples named in errors, or upload without Prefer: handling=strict.'),
  'too-many-requests': entry(429, 'Too many requests', 'Wait as long as the header Retry-After says, then repeat.', true),
  'internal-error': entry(500, 'Internal error', 'Repeat later; report the instance if it happens again.', true),
  'data-unreadable': entry(500, 'Data unreadable', 'Stored data does not open: it was changed, or its key is lost. Report the instance to the operator.'),
  'not-supported': entry(501, 'Not supported', 'The service behind this one that would do this is not set up, or does not offer it.'),
  'upstream-invalid': entry(502, 'Invalid upstream answer', 'A service behind this one answered wrongly. Repeat later.', true),
  unavailable: entry(503, 'Unavailable', 'Wait as long as the header Retry-After says, then repeat.', true),
  'database-unavailable': entry(503, 'Database unavailable', 'Wait as long as the header Retry-After says, then repeat.', true),
  'keys-unavailable': entry(503, 'Keys unavailable', 'The service was not given the master key of this data. Wait as long as the header Retry-After says, then repeat.', true),
  'upstream-unavailable': entry(503, 'Upstream unavailable', 'Wait as long as the header Retry-After says, then repeat.', true),
  starting: entry(503, 'Starting', 'The service is starting. Wait as long as the header Retry-After says, then repeat.', true),
} as const satisfies Record<string, CatalogueEntry>;

/** A stable code of the catalogue. */
export type ProblemCode = keyof typeof problemCatalogue;

/** One fault inside a request; `pointer` is a JSON pointer into the body, `/line/<number>` in XML, or `/query/<name>`, `/path/<name>`, `/headers/<name>`. */
export interface ProblemItem {
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

/** What an occurrence adds to its catalogue entry; nothing here may quote a value of the request. */
export interface ProblemOptions {
  readonly detail?: string;
  readonly errors?: readonly ProblemItem[];
  readonly limits?: { readonly maxItems?: number; readonly maxBytes?: number };
  /** Whole seconds; rounded up, at least 1. */
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Logged, never sent. */
  readonly cause?: unknown;
}

/** A refusal that the renderer turns into application/problem+json. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly options: ProblemOptions;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.detail ?? problemCatalogue[code].detail, { cause: options.cause });
    this.name = 'ProblemError';
    this.code = code;
    this.status = problemCatalogue[code].status;
    this.options = options;
  }
}

/** Makes the error to throw for a code of the catalogue; it throws nothing itself. */
export const problem = (code: ProblemCode, options: ProblemOptions = {}): ProblemError => new ProblemError(code, options);
