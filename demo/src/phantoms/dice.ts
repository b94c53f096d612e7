/** Dice of a mask (not 0: inside) with the voxels of one label of the truth; 1 when both are empty. */
export function diceWith(mask: ArrayLike<number>, truth: ArrayLike<number>, label: number): number {
  if (mask.length !== truth.length) throw new Error(`the mask has ${mask.length} voxels, the truth ${truth.length}`);
  let [both, sum] = [0, 0];
  for (let at = 0; at < mask.length; at++) {
    const [found, there] = [mask[at] !== 0, truth[at] === label];
    if (found && there) both++;
    sum += Number(found) + Number(there);
  }
  return sum === 0 ? 1 : (2 * both) / sum;
}
