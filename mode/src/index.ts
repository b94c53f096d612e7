export { default, type OhifMode } from '@medsam2/ohif-extension/mode';
