/**
 * An identity on disk: `certificate.pem` (the chain, end entity first) and `key.pem` (PKCS#8, for its owner's eyes only).
 *
 * Both files are written whole under another name first, so that a full disk or a crash leaves the old ones or none;
 * a key that exists is never replaced unless that was asked for: it may be the only copy.
 *
 * Limitations: key and certificate cannot change in one step; between the two renames of a replacement they differ.
 */
import { randomBytes } from 'node:crypto';
import { link, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../core/config/sync-folder.ts';
import { CommandError, fileErrorWords } from './output.ts';

export const certificateFileName = 'certificate.pem';
export const keyFileName = 'key.pem';

/** The two files of an identity, as paths. */
export interface IdentityFiles {
  readonly keyFile: string;
  readonly certificateFile: string;
}

/**
 * Makes the directory and those above it. Not by node's recursive way, which never ends below a place where nothing can
 * be made, as /proc.
 */
async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(directory) === directory) throw error;
    await makeDirectory(dirname(directory));
    await mkdir(directory, { mode: 0o700 });
  }
}

/** Writes an identity, making the directory if need be. Throws CommandError, and then no key has changed. */
export async function writeIdentity(
  directory: string,
  identity: { readonly privateKeyPem: string; readonly certificatePem: string },
  options: { readonly force: boolean },
): Promise<IdentityFiles> {
  const keyFile = join(directory, keyFileName);
  const certificateFile = join(directory, certificateFileName);
  await inWords(directory, () => makeDirectory(directory));
  if (!options.force) {
    await refuseExisting(keyFile);
    await refuseExisting(certificateFile);
  }
  const newKey = temporaryName(directory);
  const newCertificate = temporaryName(directory);
  try {
    await inWords(keyFile, () => writeWhole(newKey, identity.privateKeyPem, 0o600));
    await inWords(certificateFile, () => writeWhole(newCertificate, identity.certificatePem, 0o644));
    const place = options.force ? rename : link;
    // The key last: whatever fails before it, the old key, which the DNS may still publish, is there.
    await inWords(certificateFile, () => place(newCertificate, certificateFile));
    try {
      await inWords(keyFile, () => place(newKey, keyFile));
    } catch (error) {
      // A certificate of ours without its key is half an identity.
      if (!options.force) await rm(certificateFile);
      throw error;
    }
    await inWords(directory, () => syncFolder(directory));
  } finally {
    await rm(newKey, { force: true });
    await rm(newCertificate, { force: true });
  }
  return { keyFile, certificateFile };
}

/** A friendly refusal before anything is made; what really protects an existing file is that link(2) never replaces. */
async function refuseExisting(file: string): Promise<void> {
  const found = await lstat(file).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new CommandError(`${file}: ${fileErrorWords(error) ?? String(error)}`, { cause: error });
  });
  if (found === undefined) return;
  throw new CommandError(`${file} exists already; --force replaces it, and then its key is gone for good`);
}

function temporaryName(directory: string): string {
  return join(directory, `.new-${randomBytes(8).toString('hex')}`);
}

/** Creates the file with O_EXCL, and returns when its content is on the disk. */
async function writeWhole(file: string, content: string, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function inWords<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const words = fileErrorWords(error);
    throw words === undefined ? error : new CommandError(`${file}: ${words}`, { cause: error });
  }
}
