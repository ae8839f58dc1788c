// The browser's solver, run by node: `node solve.mjs KEY FROM UNTIL` prints the solutions of the tables FROM to UNTIL - 1, one
// line a table.

import { solve } from "../../../../pages/entry/birthday.js";

const [key, from, until] = process.argv.slice(2);
for (let table = Number(from); table < Number(until); table++) console.log(solve(key, table).join(" "));
