import { parseDevice } from '../../inference/devices.js';
import { engineOptions } from './flags.js';

describe('engineOptions', () => {
  const device = parseDevice('cpu');
  const made = { view: 'roi', following: 'prompted' } as const;

  it('is what the model was made for, unless told otherwise', () => {
    expect(engineOptions({ device }, made)).toMatchObject(made);
    expect(engineOptions({ device, view: 'auto', following: 'auto' }, made)).toMatchObject(made);
    const asked = { view: 'full', following: 'memory' } as const;
    expect(engineOptions({ device, ...asked }, made)).toMatchObject(asked);
    expect(engineOptions({ device, following: 'prompted' }, { view: 'full', following: 'memory' })).toMatchObject({
      view: 'full',
      following: 'prompted',
    });
  });

  it('follows as the reference where its results are wanted', () => {
    expect(engineOptions({ device, parity: 'cpu' }, made).following).toBe('memory');
    expect(engineOptions({ device, parity: 'cpu', following: 'prompted' }, made).following).toBe('prompted');
  });
});
