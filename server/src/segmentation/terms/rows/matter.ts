import type { TermGroup } from '../rows.js';

/** Tissues. */
export const TISSUES: TermGroup = {
  category: 'tissue',
  rows: [
    ['Tissue', '85756007', 'Tissue', '80ae80', 'unspecified'],
    ['Soft tissue', '87784001', 'Soft tissue', 'c89888', ''],
    ['Fat', '55603005', 'Fat', 'e6dc46', 'adipose tissue'],
    ['Muscle', '91727004', 'Muscle', 'c06858', 'muscle tissue'],
    ['Bone tissue', '3138006', 'Bone', 'f1d691', ''],
    ['Blood', '87612001', 'Blood', 'b01020', ''],
    ['Nerve', '91728009', 'Nerve', 'f4d631', ''],
    ['Lymphoid tissue', '6969002', 'Lymphoid tissue', '44ac64', ''],
    ['Scar tissue', '12402003', 'Scar tissue', 'b8b0a8', ''],
    ['Subcutaneous tissue', '71966008', 'Subcutaneous tissue', 'f0d890', 'subcutaneous fat'],
    ['Skin', '39937001', 'Skin', 'd8a888', 'cutaneous'],
    ['Connective tissue', '21793004', 'Connective tissue', '6fb8d2', ''],
  ],
};

/** Body substances. */
export const SUBSTANCES: TermGroup = {
  category: 'substance',
  rows: [
    ['Body fluid', '32457005', 'Body fluid', '8ac8c8', ''],
    ['Bile', '70150004', 'Bile', '6a9a3a', ''],
    ['Urine', '78014005', 'Urine', 'e8d860', ''],
    ['Feces', '39477002', 'Feces', '8a6a4a', 'faeces, stool'],
    ['Ascitic fluid', '409615008', 'Ascitic fluid', '58b0c8', 'ascites, peritoneal effusion'],
    ['Amniotic fluid', '77012006', 'Amniotic fluid', '70c0d8', 'liquor'],
    ['Gas', '74947009', 'Gas', 'c8e0f0', ''],
    ['Air', '15158005', 'Air', 'd0e8f8', ''],
  ],
};

/** Things put into or onto the patient. */
export const OBJECTS: TermGroup = {
  category: 'object',
  rows: [
    ['Catheter', '19923001', 'Catheter', '30c0c0', ''],
    ['Needle', '79068005', 'Needle', 'c0c8d0', ''],
    ['Stent', '65818007', 'Stent', 'a0a8d8', 'endoprosthesis'],
    ['Clip', '77720000', 'Clip', 'b0b8c8', ''],
    ['Cardiac pacemaker', '14106009', 'Cardiac pacemaker', '98a8b8', ''],
    ['Pacemaker lead', '360129009', 'Cardiac pacemaker lead', '88b0c0', 'electrode'],
    ['Prosthesis', '53350007', 'Prosthesis', 'a8a8c0', ''],
    ['Implant', '40388003', 'Implant', 'a8b0c8', ''],
    ['Bone screw', '68183006', 'Bone Screw', '90a0b0', ''],
    ['Heart valve prosthesis', '25510005', 'Heart valve prosthesis', 'b8a8d0', ''],
    ['Endotracheal tube', '26412008', 'Endotracheal tube', '50b8b0', ''],
    ['Feeding tube', '25062003', 'Feeding tube', '60a8a0', ''],
    ['Vascular graft', '118375008', 'Vascular graft', 'b898b0', ''],
    ['Foreign body', '19227008', 'Foreign body', 'd060d0', ''],
    ['Instrument', '57134006', 'Instrument, device', '8898a8', 'surgical, endoscopic tool, forceps'],
    ['Suture material', '27065002', 'Suture', '9898c0', 'stitches'],
    ['Table', '86407004', 'Table', '707880', 'couch'],
  ],
};
