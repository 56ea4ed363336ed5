/** `node --import` of this file runs a program with the mutant that MUTANT names. */
import { register } from 'node:module';

register('./hooks.js', import.meta.url);
