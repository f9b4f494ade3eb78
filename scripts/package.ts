/** Packs what is published, program and client, into build/ and says where: `npm run package`. */
import { pack } from './release/package.ts';

console.log(`packed ${pack()}`);
