/** The folder of a file that was made or replaced: until it is on the disk, the file's new name may be lost. */
import { open } from 'node:fs/promises';

/** Makes the names in a folder as durable as what the files have in them (fsync(2)). Rejects as the file system does. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
