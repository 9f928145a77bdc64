#!/usr/bin/env node
import{t as e}from"./shared-start-over.js";[`run`,`ledger`,`demo`,`doctor`].includes(process.argv[2])&&e(),await import(`./shared-program.js`);export{};