import { getHeapStatistics } from 'node:v8';
import { collectAtOnce, collectAtRest } from '../../ts/cli/helpers.gc.js';

// Works, rests, works a little, and tells the megabytes of its heap after each; for test.cli.memory.
const heap = (): number => getHeapStatistics().total_heap_size / 1e6;
const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

collectAtOnce();
if (process.argv[2] !== 'without') collectAtRest();
const kept: string[][] = [];
for (let i = 0; i < 60; i++) kept.push(Array.from({ length: 20_000 }, (_, n) => `${i} ${n} ${'x'.repeat(40)}`));
const worked = heap();
kept.length = 1;
await rest(2500);
console.log(JSON.stringify({ worked, rested: heap(), left: kept.length }));
