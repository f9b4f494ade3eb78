import { join } from 'node:path';

/** The settings that say where files of the program's own lie. */
interface Place {
  readonly DATA_DIR: string;
}

/** Where mails lie that were not sent. */
export const mailFolderIn = ({ DATA_DIR }: Place): string => join(DATA_DIR, 'mail');

/** Where erasures are noted apart from the database. */
export const erasureJournalIn = ({ DATA_DIR }: Place): string => join(DATA_DIR, 'erasure-journal.ndjson');
