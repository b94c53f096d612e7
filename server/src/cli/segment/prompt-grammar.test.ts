import { UsageError } from '../exit.js';
import { parsePrompts, type PromptOption, type PromptToken } from './prompt-grammar.js';

/** `--slice 4 --box 1,2,3,4` as the command line collects it; values have no spaces here. */
function tokensOf(line: string): PromptToken[] {
  const words = line.split(' ');
  const tokens: PromptToken[] = [];
  let option: PromptOption = 'slice';
  for (const word of words) {
    if (word.startsWith('--')) option = word.slice(2) as PromptOption;
    else tokens.push({ option, value: word });
  }
  return tokens;
}
const parse = (line: string) => parsePrompts(tokensOf(line));
const box = (slice: number, ...corners: number[]) => ({ kind: 'box', slice, box: corners });

describe('parsePrompts', () => {
  it('takes a box and its slice in either order', () => {
    const expected = [{ label: 1, prompts: [box(4, 1, 2, 3, 4)] }];
    expect(parse('--box 1,2,3,4 --slice 4')).toEqual(expected);
    expect(parse('--slice 4 --box 1,2,3,4')).toEqual(expected);
  });

  it('gives one slice to every object, wherever it stands', () => {
    const expected = [
      { label: 1, prompts: [box(7, 1, 1, 2, 2)] },
      { label: 3, name: 'left kidney', prompts: [box(7, 5, 5, 6, 6)] },
    ];
    const named = (line: string) =>
      parsePrompts(tokensOf(line).map((token) => (token.option === 'object' && token.value === '3' ? { ...token, value: '3=left kidney' } : token))); // prettier-ignore
    expect(named('--slice 7 --object 1 --box 1,1,2,2 --object 3 --box 5,5,6,6')).toEqual(expected);
    expect(named('--object 1 --box 1,1,2,2 --object 3 --box 5,5,6,6 --slice 7')).toEqual(expected);
    expect(named('--box 1,1,2,2 --slice 7 --object 3 --box 5,5,6,6')).toEqual(expected);
  });

  it('lets slices before prompts hold for what follows, and slices after prompts for what went before', () => {
    const expected = [{ label: 1, prompts: [box(4, 1, 1, 2, 2), box(9, 5, 5, 6, 6)] }];
    expect(parse('--slice 4 --box 1,1,2,2 --slice 9 --box 5,5,6,6')).toEqual(expected);
    expect(parse('--box 1,1,2,2 --slice 4 --box 5,5,6,6 --slice 9')).toEqual(expected);
  });

  it('gives a slice before the first object to objects without one', () => {
    expect(parse('--slice 4 --object 1 --box 1,1,2,2 --object 2 --box 5,5,6,6 --slice 9')).toEqual([
      { label: 1, prompts: [box(4, 1, 1, 2, 2)] },
      { label: 2, prompts: [box(9, 5, 5, 6, 6)] },
    ]);
  });

  it('joins points to the box of their slice, and goes on with an object that is named again', () => {
    const [first, second] = parse('--slice 4 --object 1 --box 1,1,9,9 --points 2,3,+ 8,8,- --object 2 --points 5,5 --object 1 --points 4,4,1'); // prettier-ignore
    expect(first.prompts).toEqual([
      { ...box(4, 1, 1, 9, 9), points: [{ x: 2, y: 3, label: 1 }, { x: 8, y: 8, label: 0 }, { x: 4, y: 4, label: 1 }] },
    ]); // prettier-ignore
    expect(second.prompts).toEqual([{ kind: 'points', slice: 4, points: [{ x: 5, y: 5, label: 1 }] }]);
  });

  it('takes points given first and the box after them as one prompt', () => {
    const [{ prompts }] = parse('--points 2,3,+ --box 1,1,9,9 --slice 0');
    expect(prompts).toEqual([{ ...box(0, 1, 1, 9, 9), points: [{ x: 2, y: 3, label: 1 }] }]);
  });

  it('keeps masks with their values, and lines', () => {
    expect(parse('--slice 2 --mask m.png --mask-value 3 --object 2 --recist 1,2,3,4')).toEqual([
      { label: 1, prompts: [{ kind: 'mask', slice: 2, file: 'm.png', value: 3 }] },
      { label: 2, prompts: [{ kind: 'recist', slice: 2, line: [1, 2, 3, 4] }] },
    ]);
  });

  it.each([
    ['--box 1,2,3,4', /no slice/],
    ['--slice 4 --object 2', /no prompt/],
    ['--slice 4 --box 1,1,2,2 --slice 9', /no prompt on slice 9/],
    ['--box 1,1,2,2 --slice 4 --box 1,1,2,2 --slice 5 --points 1,1,+', /not clear on which slice --points 1,1,\+/],
    ['--slice 1.5 --box 1,2,3,4', /whole number/],
    ['--slice -1 --box 1,2,3,4', /whole number/],
    ['--slice 1 --box 1,2,3', /4 numbers/],
    ['--slice 1 --box 5,2,3,4', /x0 <= x1/],
    ['--slice 1 --points 1,2,?', /Points are x,y/],
    ['--slice 1 --points ct.nii.gz', /Points are x,y/],
    ['--slice 1 --object 0 --box 1,2,3,4', /not an object label/],
    ['--slice 1 --object liver --box 1,2,3,4', /not an object label/],
    ['--slice 1 --object 65536 --box 1,2,3,4', /not an object label/],
    ['--slice 1 --object 1=a --box 1,2,3,4 --object 1=b --points 1,1', /two names/],
    ['--slice 1 --box 1,2,3,4 --mask-value 2', /does not follow a --mask/],
  ])('refuses %s', (line, message) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow(message);
  });
});
