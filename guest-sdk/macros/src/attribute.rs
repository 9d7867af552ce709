//! The attribute: from a function to the export of the component and its `step-spec` section.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, FnArg, Ident, ItemFn, Result, ReturnType, Signature, Token, Type, parenthesized};

use crate::needs::Needs;
use crate::text;

const FORM: &str = "a step is `fn run(input: Inputs, step: &mut Step) -> Result<Outputs, Failure>`";

/// Leaves the function as it is and adds what makes it the entry.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Arguments { needs } = syn::parse2(arguments)?;
    let function: ItemFn = syn::parse2(item)?;
    let (input, output) = types(&function.sig)?;
    let name = &function.sig.ident;
    let head = head(text::description(&function.attrs));
    let tail = needs.as_ref().map_or_else(|| "}}".to_owned(), |needs| format!("}},\"needs\":{}}}", needs.json()));
    let checks = needs.iter().flat_map(|needs| &needs.inputs).map(|(name, place)| check_input(name, *place, input));
    Ok(quote! {
        #function

        #(#checks)*

        // On other targets nothing is exported, but the function counts as used and its form is checked.
        #[cfg(not(target_family = "wasm"))]
        const _: fn(#input, &mut ::stepwell_sdk::Step) -> #output = #name;

        #[cfg(target_family = "wasm")]
        const _: () = {
            use ::stepwell_sdk::expansion::bindings;

            struct Entry;

            impl bindings::Guest for Entry {
                fn run(
                    inputs: ::std::vec::Vec<bindings::stepwell::step::types::Item>,
                ) -> ::core::result::Result<
                    bindings::stepwell::step::types::Completion,
                    bindings::stepwell::step::types::Failure,
                > {
                    ::stepwell_sdk::expansion::run(inputs, |input: #input, step| {
                        #name(input, step).map_err(::core::convert::Into::into)
                    })
                }
            }

            bindings::export!(Entry with_types_in ::stepwell_sdk::expansion::bindings);

            const PARTS: [&[&str]; 5] = ::stepwell_sdk::expansion::parts::<
                #input,
                <#output as ::stepwell_sdk::expansion::Ends>::Output,
            >(&[#head], &[#tail]);
            const LENGTH: usize = ::stepwell_sdk::expansion::length(&PARTS);
            ::core::assert!(
                LENGTH <= ::stepwell_sdk::expansion::MAX_SECTION_BYTES,
                "inputs, outputs and needs with all their descriptions take more than 64 KiB, which no engine reads"
            );

            #[unsafe(link_section = "step-spec")]
            static SPEC: [u8; LENGTH] = ::stepwell_sdk::expansion::join(&PARTS);
        };
    })
}

/// What stands in the parentheses of the attribute.
struct Arguments {
    needs: Option<Needs>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let unknown = |place| Error::new(place, "`#[step]` takes `needs(…)` and nothing else");
        if input.is_empty() {
            return Ok(Self { needs: None });
        }
        let word: Ident = input.parse().map_err(|error| unknown(error.span()))?;
        if word != "needs" || !input.peek(syn::token::Paren) {
            return Err(unknown(word.span()));
        }
        let content;
        parenthesized!(content in input);
        let needs = content.parse()?;
        input.parse::<Option<Token![,]>>()?;
        if input.is_empty() { Ok(Self { needs: Some(needs) }) } else { Err(unknown(input.span())) }
    }
}

/// Returns the check that an expression names an input there is.
fn check_input(name: &str, place: Span, input: &Type) -> TokenStream {
    let problem = format!("the function has no input `{name}`");
    quote_spanned! { place =>
        const _: () = ::core::assert!(::stepwell_sdk::expansion::has_input::<#input>(#name), #problem);
    }
}

fn types(signature: &Signature) -> Result<(&Type, &Type)> {
    let unfit = || Error::new_spanned(signature, FORM);
    let plain = signature.asyncness.is_none() && signature.generics.params.is_empty();
    let mut arguments = signature.inputs.iter();
    match (plain, arguments.next(), arguments.next(), arguments.next(), &signature.output) {
        (true, Some(FnArg::Typed(input)), Some(FnArg::Typed(_)), None, ReturnType::Type(_, output)) => {
            Ok((&input.ty, output))
        }
        _ => Err(unfit()),
    }
}

/// Returns the text of the section up to the first input.
fn head(description: Option<String>) -> TokenStream {
    let description = description.map(|text| format!(",\"description\":{}", text::quoted(&text))).unwrap_or_default();
    let sdk = format!("stepwell-sdk/{}", env!("CARGO_PKG_VERSION"));
    let (start, rest) = ("{\"abi\":\"", format!("\",\"sdk\":\"{sdk}\"{description},\"inputs\":{{"));
    quote! { #start, ::stepwell_sdk::ABI, #rest }
}
