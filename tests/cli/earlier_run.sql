BEGIN TRANSACTION;
CREATE TABLE attempts (
	id VARCHAR(16) NOT NULL, 
	run VARCHAR(16) NOT NULL, 
	problem TEXT NOT NULL, 
	template TEXT NOT NULL, 
	"group" TEXT NOT NULL, 
	sample INTEGER NOT NULL, 
	model TEXT NOT NULL, 
	alpha DOUBLE, 
	weights_id TEXT, 
	seed BIGINT NOT NULL, 
	temperature DOUBLE NOT NULL, 
	coverage TEXT, 
	prompt_tokens INTEGER NOT NULL, 
	completion_tokens INTEGER NOT NULL, 
	finish_reason TEXT NOT NULL, 
	turns INTEGER NOT NULL, 
	answer TEXT NOT NULL, 
	program TEXT NOT NULL, 
	language TEXT NOT NULL, 
	verdict TEXT, 
	public_verdict TEXT, 
	failure_kind TEXT, 
	level_reached INTEGER NOT NULL, 
	cause TEXT NOT NULL, 
	error TEXT NOT NULL, 
	borderline INTEGER NOT NULL, 
	cpu_s DOUBLE NOT NULL, 
	judge_s DOUBLE NOT NULL, 
	model_s DOUBLE NOT NULL, 
	tools_s DOUBLE NOT NULL, 
	status TEXT NOT NULL, 
	end_reason TEXT NOT NULL, 
	transcript TEXT NOT NULL, 
	workspace TEXT NOT NULL, 
	token_ids TEXT NOT NULL, 
	logprobs TEXT NOT NULL, 
	decision TEXT, 
	propensity DOUBLE, 
	success_prob DOUBLE, 
	reason TEXT NOT NULL, 
	model_cost DOUBLE, 
	sandbox_cost DOUBLE, 
	PRIMARY KEY (id), 
	FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "attempts" VALUES('4f83642c0891411e','25e52d7b31b0c7bb','pair_diff_eq.plus7.negate.tight','pair_diff_eq','rl_templates',0,'tiny@0',0.0,'w1-72660c6fac3531ecc3f81f0ca241a9c3',6787317739569163,0.6,NULL,5,20,'stop',1,'def f(a, k):
 a = [x + 7 for x in a]
 r = 0
 for i in range(len(a)):
  for j in range(i):
   if abs(a[i] - a[j]) == k:
    r += 1
 return -r
','def f(a, k):
 a = [x + 7 for x in a]
 r = 0
 for i in range(len(a)):
  for j in range(i):
   if abs(a[i] - a[j]) == k:
    r += 1
 return -r
','python3','TLE','AC','optimisation',3,'steps','',0,1.68497300000000019976e-03,3.5612978199787903577e-01,1.52282347800064599141e+00,0.0,'judged','submitted','','','[[106,252,197,120,124,180,146,165,269,117,115,218,212,140,210,105,14,51,5,3]]','[[-5.97685613899848e-09,-2.9410016289762424e-05,-0.00016694147160598017,-1.1343995895987564e-05,-0.045622462824131446,-9.118791700380833e-06,-4.456508062183439e-06,-2.0359722016605713e-05,-1.161348776269417e-05,-5.2548583072788804e-06,-8.70531786571091e-06,-6.23293979078491e-06,-3.1546645143224386e-06,-7.669769867794808e-06,-1.9208736695650514e-05,-7.002027071455757e-06,-2.432361643372994e-05,-1.1313857106034733e-05,-2.5922732223421064e-07,-7.92121923612694e-12]]','pair_diff_eq.plus7.negate.tight#0',0.5,NULL,'drawn from 2 alphas',NULL,NULL);
INSERT INTO "attempts" VALUES('56c576a78bdc372e','25e52d7b31b0c7bb','leaders.flip1.least3.tight','leaders','rl_templates',0,'tiny@1',1.0,'w1-e170e3b39e54162a9464870d7dc3f5d9',422213422256065,0.6,NULL,5,33,'stop',1,'def f(a, k):
 a = [x ^ 1 for x in a]
 r = 0
 m = -1
 for x in reversed(a):
  if x > m - k:
   r += 1
  m = max(m, x)
 return max(r, 3)
','def f(a, k):
 a = [x ^ 1 for x in a]
 r = 0
 m = -1
 for x in reversed(a):
  if x > m - k:
   r += 1
  m = max(m, x)
 return max(r, 3)
','python3','AC','AC',NULL,4,'','',0,1.79584999999999987696e-03,1.79714720998163102194e-01,1.18769703489997482394e+01,0.0,'judged','submitted','','','[[106,248,237,120,60,163,14,18,60,83,77,38,55,38,51,52,215,71,69,162,90,181,46,135,140,80,173,202,139,260,272,5,3]]','[[-9.65640294613914e-09,-5.026882287294452e-05,-2.7159956600833826e-05,-5.156689338982686e-06,-1.1763036103600468e-06,-3.583728607645413e-05,-0.00027126063901898253,-4.17413504675416e-05,-2.9577287883519218e-06,-4.942063956261261e-06,-1.0852334996570323e-05,-2.5883646301012044e-07,-6.819286251448078e-06,-6.189485609878941e-09,-1.7331218094557126e-06,-7.871547082467566e-07,-7.942142026347396e-08,-2.1133782930901113e-05,-8.882659397372119e-07,-5.231123524789506e-07,-5.947277230520517e-06,-6.322499984451068e-05,-2.3514069263817645e-06,-3.7657121048391724e-05,-5.002769892412899e-06,-2.2116952146669796e-05,-1.2489409185692356e-06,-1.262952861676242e-06,-1.1908295768992626e-05,-2.0733428018712368e-06,-1.6126390906312688e-05,-7.157288307252245e-08,-1.124900173017028e-11]]','leaders.flip1.least3.tight#0',0.5,NULL,'drawn from 2 alphas',NULL,NULL);
INSERT INTO "attempts" VALUES('f45268b832028ad0','25e52d7b31b0c7bb','pair_diff_eq.plus7.negate.tight','pair_diff_eq','rl_templates',1,'tiny@1',1.0,'w1-e170e3b39e54162a9464870d7dc3f5d9',5626456111557379,0.6,NULL,5,30,'stop',1,'def f(a, k):
 a = [x + 7 for x in a]
 r = 0
 c = {}
 for x in a:
  r += c.get(x - k, 0) + c.get(x + k, 0)
  c[x] = c.get(x, 0) + 1
 return -r
','def f(a, k):
 a = [x + 7 for x in a]
 r = 0
 c = {}
 for x in a:
  r += c.get(x - k, 0) + c.get(x + k, 0)
  c[x] = c.get(x, 0) + 1
 return -r
','python3','AC','AC',NULL,4,'','',0,1.63443300000000067348e-03,3.23943699986557476222e-02,1.37364423600229201838e+00,0.0,'judged','submitted','','','[[106,252,197,120,282,58,59,150,151,219,189,261,227,109,219,190,261,227,191,57,238,219,205,227,130,105,14,51,5,3]]','[[-1.1298459010034877e-08,-4.685041547727356e-06,-0.00011689945637734226,-8.546376207112503e-06,-2.358333631094056e-05,-3.0420948870906364e-05,-1.452562951470628e-05,-2.2197140902341845e-05,-1.3510050449508073e-06,-1.1522946977819675e-05,-2.1754758183942954e-06,-7.251483969938843e-06,-3.783741008030569e-07,-0.00022990575698906808,-6.89146322670558e-06,-1.1069198836893734e-05,-5.658868311226374e-06,-4.18905877464089e-07,-5.275986939986046e-05,-8.014548450661397e-06,-7.103095802923083e-07,-1.670501858052192e-05,-7.324947555109881e-06,-1.1978932516398576e-06,-4.022063695416999e-05,-0.00016658647154655103,-5.230665565710987e-05,-5.125839606925121e-06,-1.4814428559875884e-07,-1.3251883012142857e-08]]','pair_diff_eq.plus7.negate.tight#1',0.5,NULL,'drawn from 2 alphas',NULL,NULL);
CREATE TABLE runs (
	id VARCHAR(16) NOT NULL, 
	format INTEGER NOT NULL, 
	config TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('25e52d7b31b0c7bb',3,'{
 "budget": null,
 "command": "run",
 "controller": "uniform",
 "coverage": null,
 "family": "tiny",
 "feedback": "public",
 "fitted": "6ba9ad864fde377d",
 "format": 3,
 "language": null,
 "limit_s": null,
 "max_tokens": 96,
 "max_turns": 1,
 "models": [
  {
   "alpha": 0.0,
   "name": "tiny@0"
  },
  {
   "alpha": 1.0,
   "name": "tiny@1"
  }
 ],
 "parser": "program",
 "prices": null,
 "problem_set": "tiny-problems",
 "problems": [
  "pair_diff_eq.plus7.negate.tight",
  "leaders.flip1.least3.tight"
 ],
 "prompt": "tiny",
 "samples": 2,
 "seed": 0,
 "setting": "reasoning",
 "split": "dev",
 "split_hash": "c26ac40a0d20cf5630b34225f8c7d59c0c8716815f0257595f3760b36e699c5e",
 "temperature": 0.6,
 "weights": "f1-9ce38a0322a55a69c658fde2f94e4c94"
}');
CREATE INDEX ix_attempts_run ON attempts (run);
COMMIT;
