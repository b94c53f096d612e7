/**
 * What FailureReason (0008,1197) means (PS3.18 annex I.2.2, PS3.4 annex B.2.3, PS3.7 annex C).
 *
 * @returns `passes`: the same object may be taken later
 */
export function explainFailure(reason: number | undefined): { readonly text: string; readonly passes: boolean } {
  if (reason === undefined) return { text: 'it gives no reason', passes: false };
  const hexadecimal = `failure reason 0x${reason.toString(16).toUpperCase().padStart(4, '0')}`;
  const told = (text: string, passes = false) => ({ text: `${text} (${hexadecimal})`, passes });
  if (known.has(reason)) return told(known.get(reason) ?? '');
  switch (reason & 0xff00) {
    case 0xa700:
      return told('it is out of resources', true);
    case 0xa900:
      return told('the object does not match its SOP class');
    default:
      return told((reason & 0xf000) === 0xc000 ? 'it cannot understand the object' : 'it gives a reason of its own');
  }
}

const known: ReadonlyMap<number, string> = new Map([
  [0x0106, 'an attribute has an invalid value'],
  [0x0110, 'it failed to process the object, as when it belongs to another study'],
  [0x0111, 'it holds an object of this identifier already'],
  [0x0117, 'the object is not valid'],
  [0x0122, 'it does not take this SOP class'],
  [0x0124, 'it does not allow it'],
  [0x0131, 'the study is closed'],
  [0xc122, 'it does not take this transfer syntax'],
]);
