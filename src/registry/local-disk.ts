import { statfs } from 'node:fs/promises'

/** Magic numbers of `statfs(2)`: ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, ZFS. */
const LOCAL_TYPES: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1,
])

/** Whether all of the folders lie where a call of `stat` needs no network; false where that is not known. */
export async function areOnLocalDisk(...folders: readonly string[]): Promise<boolean> {
  try {
    const facts = await Promise.all(folders.map((folder) => statfs(folder)))
    return facts.every(({ type }) => LOCAL_TYPES.has(type))
  } catch {
    return false
  }
}
