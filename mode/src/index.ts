export { promptTools } from '@medsam2/ohif-extension';
