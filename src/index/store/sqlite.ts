/**
 * Selects the build of better-sqlite3. Two versions with the same API are installed, and one of
 * them is loaded:
 *
 * - Version 12 is the last for Node 20. From Node 24 on, it aborts the process when a statement is
 *   collected (node::ObjectWrap then removes a clean-up hook without an environment).
 * - Version 13 uses Node-API and runs on Node 22 and later.
 */
import { createRequire } from 'node:module';
import type Sqlite from 'better-sqlite3';

const major = Number(process.versions.node.split('.')[0]);
const name = major >= 22 ? 'better-sqlite3-napi' : 'better-sqlite3';

export type SqliteDatabase = Sqlite.Database;
export type SqliteStatement = Sqlite.Statement;

export const SqliteDatabase = createRequire(import.meta.url)(name) as typeof Sqlite;
