export const demoName = 'demo';
