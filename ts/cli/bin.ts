#!/usr/bin/env node
import { main } from './commands.main.js';

// who reads our output may have gone (`serve | head -1`); that ends no server
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.exitCode = await main(process.argv.slice(2), process.env);
// a socket that some library keeps open must not keep the process; without one this timer does not hold it either
setTimeout(() => process.exit(), 1_000).unref();
