/**
 * Checks what a test needs from its machine. If something is missing, the test is skipped with a
 * message that names it. With CI=true the test fails instead, because there everything must run.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { skipLoudly } from './skip.ts';

const requirements = {
  root: () => process.getuid?.() === 0,
  'the package cyrus-imapd': () => existsSync('/usr/lib/cyrus/bin/imapd'),
  'the package cyrus-replication': () => existsSync('/usr/lib/cyrus/bin/sync_client'),
  'the package cyrus-clients': () => existsSync('/usr/lib/cyrus/bin/synctest'),
  'the package sasl2-bin': () => existsSync('/usr/sbin/saslpasswd2'),
  'the package rsync': () => existsSync('/usr/bin/rsync'),
  'the package mutt': () => existsSync('/usr/bin/mutt'),
  'the package neomutt': () => existsSync('/usr/bin/neomutt'),
  'the package mailutils': () => existsSync('/usr/bin/readmsg'),
  'the package mboxgrep': () => existsSync('/usr/bin/mboxgrep'),
  'the package nmh': () => existsSync('/usr/bin/mh/inc'),
  'the package procmail': () => existsSync('/usr/bin/formail'),
  'the package plocate': () => existsSync('/usr/sbin/updatedb.plocate'),
  'the package git': () => existsSync('/usr/bin/git'),
  'the package cpio': () => existsSync('/usr/bin/cpio') || existsSync('/bin/cpio'),
  'the package vim-tiny': () => existsSync('/usr/bin/vim.tiny'),
  'the package notmuch': () => existsSync('/usr/bin/notmuch'),
  'the package mblaze': () => existsSync('/usr/bin/mscan'),
  'the package dovecot-core': () => existsSync('/usr/sbin/dovecot'),
  'the unpacked package dovecot-imapd': () =>
    existsSync('/usr/local/lib/cyrus-backups-tests/dovecot-imapd/usr/lib/dovecot/imap'),
  'the package libarchive-tools': () => existsSync('/usr/bin/bsdtar'),
  'the package prometheus': () => existsSync('/usr/bin/prometheus') && existsSync('/usr/bin/promtool'),
  'the package unzip': () => existsSync('/usr/bin/unzip'),
  'the package systemd': () => existsSync('/usr/bin/systemd-analyze'),
  'the package debootstrap': () => existsSync('/usr/sbin/debootstrap'),
  'the package debhelper': () => existsSync('/usr/bin/dh'),
  'the package lintian': () => existsSync('/usr/bin/lintian'),
  'the package fish': () => existsSync('/usr/bin/fish'),
  'the package zsh': () => existsSync('/bin/zsh') || existsSync('/usr/bin/zsh'),
  '/dev/fuse': () => readable('/dev/fuse'),
  'loop devices': () => readable('/dev/loop-control'),
  'the package e2fsprogs': () => existsSync('/sbin/mkfs.ext4') || existsSync('/usr/sbin/mkfs.ext4'),
} as const;

export type Requirement = keyof typeof requirements;

/**
 * The requirements of a real Cyrus master. It runs as user cyrus, to which only root can switch.
 */
export const cyrusRequirements = [
  'root',
  'the package cyrus-imapd',
  'the package cyrus-replication',
  'the package cyrus-clients',
  'the package sasl2-bin',
] as const satisfies readonly Requirement[];

function readable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Call first in a `before` or a test. If something is missing, it throws with CI=true and skips
 * otherwise.
 */
export function needs(context: Mocha.Context, ...wanted: Requirement[]): void {
  const missing = wanted.filter((name) => !requirements[name]());
  if (missing.length === 0) return;
  const word = `${missing.join(', ')} (build/install-debian.sh, as root, installs packages)`;
  if (process.env['CI'] === 'true') throw new Error(`missing ${word}`);
  skipLoudly(context, word);
}
