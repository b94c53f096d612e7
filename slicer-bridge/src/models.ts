/**
 * Which registered model a client means. It names models as its own server stored them: size words (generation A), file names
 * (B to D), or `<stem>/<file>` with the separator of its operating system for weights of its own (specification sections 3.2
 * and 5).
 */

/** Size words of generation A. */
const sizeWords: Readonly<Record<string, string>> = {
  tiny: 'sam2.1-hiera-tiny',
  small: 'sam2.1-hiera-small',
  base: 'sam2.1-hiera-base-plus',
  base_plus: 'sam2.1-hiera-base-plus',
  large: 'sam2.1-hiera-large',
};

/** The file's name without folders; never used as a path. */
export function fileLabel(checkpoint: string): string {
  return checkpoint.split(/[\\/]/).at(-1)?.trim() ?? '';
}

/** `MedSAM2_CTLesion.pt` and `medsam2-ct-lesion` are the same model: case, separators and the suffix do not count. */
function plain(name: string): string {
  return fileLabel(name)
    .replace(/\.(pt|pth|safetensors)$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '');
}

/** The registered name that a `checkpoint` field means; undefined when none does. */
export function matchModel(checkpoint: string, registered: readonly string[]): string | undefined {
  const word = fileLabel(checkpoint).toLowerCase();
  const wanted = plain(Object.hasOwn(sizeWords, word) ? sizeWords[word] : checkpoint);
  return wanted === '' ? undefined : registered.find((name) => plain(name) === wanted);
}
