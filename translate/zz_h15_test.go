package translate
import ("testing";"os";"fmt";"strings";"bytes";"caregate/hl7v2";"caregate/fhir";"encoding/json")
func TestH15(t *testing.T){
 f:=os.Getenv("H15"); if f=="" {t.Skip()}
 for _,name:=range strings.Split(f,",") {
 data,_:=os.ReadFile(name)
 m,err:=hl7v2.Parse(data); if err!=nil {t.Fatal(err)}
 r,err:=ToFHIR(m,flowProfile(t)); if err!=nil {t.Fatal(err)}
 if os.Getenv("H15J")!="" { var b bytes.Buffer; json.Indent(&b,r.Bundle.JSON(),""," "); fmt.Println(b.String()) }
 for _,i:=range r.Issues { fmt.Println("ISSUE",i) }
 c:=map[Class]int{}
 for _,l:=range r.Leaves { c[l.Class]++; if l.Class!=Mapped && os.Getenv("H15L")!="" {fmt.Println(l)} }
 for _,i:=range fhir.Validate(r.Bundle) { fmt.Println("VALIDATE",i) }
 bb,_:=fhir.Parse(r.Bundle.JSON())
 raw,is,err:=ToV2(bb,flowProfile(t),Meta{}); if err!=nil {t.Fatal(err)}
 fmt.Println(name,c); fmt.Println(strings.ReplaceAll(string(raw),"\r","\n"),is)
 }
}
