/** Who owns what the mount shows. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}
