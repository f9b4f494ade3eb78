import fc from 'fast-check';

/** What tests draw, they draw the same way each time, so that a commit is green or red for good; another seed draws anew: `SEED=7 npm test`. */
export const seed = Number(process.env['SEED'] ?? 20260801);
fc.configureGlobal({ seed });
