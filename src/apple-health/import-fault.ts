/** An export that cannot be imported; the message says what to do and quotes nothing of it. */
export class ImportFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ImportFault';
  }
}
